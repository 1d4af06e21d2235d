import pytest
import torch
from bright_cube import BrightnessNetwork

from scripts.explanation import Occlusion


def test_the_heat_of_a_block_is_what_the_probability_loses_without_it():
    network = BrightnessNetwork().train()
    x = torch.full((2, 1, 16, 24, 20), 0.267)
    x[0, 0, 4:8, 12:18, 5:10] = 1  # one block of four by four by four
    x[1, 0, 8:12, 0:6, 10:15] = 1
    maps = Occlusion(network, blocks=4, batch_size=3)(x, torch.tensor([2, 2]))
    with torch.no_grad():
        bright, empty = (network(scan).softmax(dim=1)[:, 2] for scan in (x, torch.full_like(x, 0.267)))
    for scan in range(2):
        inside = x[scan, 0] == 1
        torch.testing.assert_close(maps[scan][inside], (bright - empty)[scan].expand(int(inside.sum())))
        assert maps[scan][~inside].max() < maps[scan][inside].min()
    assert network.training


@pytest.mark.parametrize("shape", [(7, 5, 9), (3, 2, 4)])
def test_every_voxel_is_covered_once_on_any_grid(shape):
    class Mean(torch.nn.Module):
        def forward(self, x):
            return torch.stack([-x.sum(dim=(1, 2, 3, 4)), x.sum(dim=(1, 2, 3, 4))], dim=1)

    dark = (0.0, 1000.0)  # a window in which aerated lung is black
    maps = Occlusion(Mean(), dark, blocks=4)(torch.full((1, 1, *shape), 0.001), torch.tensor([1]))
    assert (maps > 0).all()


def test_it_covers_with_aerated_lung_in_whatever_window():
    assert Occlusion(BrightnessNetwork()).fill == pytest.approx((-850 + 1250) / 1500)
    assert Occlusion(BrightnessNetwork(), (-700.0, 1000.0)).fill == pytest.approx((-850 + 1200) / 1000)
    assert Occlusion(BrightnessNetwork(), (40.0, 400.0)).fill == 0
