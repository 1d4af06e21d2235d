import pytest
import torch
from bright_cube import BrightnessNetwork

from scripts.explanation import Occlusion

LUNG = (-850 + 1250) / 1500  # aerated lung in the default window


class Mean(torch.nn.Module):
    """Class 1 for what is bright in all."""

    def forward(self, x):
        total = x.sum(dim=(1, 2, 3, 4))
        return torch.stack([-total, total], dim=1)


def scan_with(shape, block, value=1.0):
    x = torch.full((1, 1, *shape), LUNG)
    x[0, 0][block] = value
    return x


def test_the_heat_of_a_lesion_is_what_the_log_odds_lose_without_it():
    lesion = (slice(4, 8), slice(12, 18), slice(5, 10))  # within one block of four by four by four
    x = scan_with((16, 24, 20), lesion)
    heat = Occlusion(Mean(), blocks=4, tries=None, batch_size=3)(x, torch.tensor([1]))[0]
    inside = torch.zeros_like(heat, dtype=torch.bool)
    inside[lesion] = True
    assert heat[inside].min() > 0 and heat[inside].max() == heat.max()
    centre = heat[6, 15, 7]  # that block alone covers it
    torch.testing.assert_close(centre, 2 * (x - LUNG).sum())


@pytest.mark.parametrize("tries", [None, 3])
def test_the_maximum_lies_in_the_lesion_also_where_few_blocks_are_tried(tries):
    network = BrightnessNetwork().train()
    lesion = (slice(16, 22), slice(8, 14), slice(12, 18))
    x = scan_with((32, 24, 40), lesion)
    heat = Occlusion(network, tries=tries)(x, torch.tensor([2]))[0]
    r, a, s = (heat == heat.max()).nonzero().float().mean(dim=0).tolist()
    assert 14 <= r < 24 and 6 <= a < 16 and 10 <= s < 20
    assert network.training


def test_what_is_no_brighter_than_aerated_lung_has_no_heat():
    x = torch.full((1, 1, 16, 12, 20), LUNG) * torch.rand(1, 1, 16, 12, 20)
    assert Occlusion(Mean(), tries=None)(x, torch.tensor([1])).max() == 0


def test_a_class_that_darkening_does_not_weaken_has_no_heat():
    x = scan_with((16, 12, 20), (slice(4, 8),) * 3)
    assert Occlusion(Mean(), tries=None)(x, torch.tensor([0])).max() == 0


def test_it_darkens_no_more_blocks_than_it_may():
    class Counted(Mean):
        seen = 0

        def forward(self, x):
            self.seen += len(x)
            return super().forward(x)

    network, x = Counted(), scan_with((16, 12, 20), (slice(2, 14), slice(2, 10), slice(2, 18)))
    Occlusion(network, tries=5, batch_size=2)(x, torch.tensor([1]))
    assert network.seen == 1 + 5


@pytest.mark.parametrize("shape", [(7, 5, 9), (3, 2, 4)])
def test_every_voxel_is_covered_on_any_grid(shape):
    dark = (0.0, 1000.0)  # a window in which aerated lung is black
    maps = Occlusion(Mean(), dark, blocks=4, tries=None)(torch.full((1, 1, *shape), 0.001), torch.tensor([1]))
    assert (maps > 0).all()


def test_it_darkens_to_aerated_lung_in_whatever_window():
    assert Occlusion(Mean()).fill == pytest.approx(LUNG)
    assert Occlusion(Mean(), (-700.0, 1000.0)).fill == pytest.approx((-850 + 1200) / 1000)
    assert Occlusion(Mean(), (40.0, 400.0)).fill == 0
