import pytest
import torch

from scripts.errors import UserError
from scripts.lobes import LobeUNet, lobe_unet_from

SMALL = {"channels": (4, 8, 16), "residual_units": 1, "spatial_shape": (16, 12, 20)}


def test_logits_of_six_classes_on_the_grid_it_got():
    assert LobeUNet(**SMALL)(torch.zeros(2, 1, 16, 12, 20)).shape == (2, 6, 16, 12, 20)


def test_every_parameter_gets_a_finite_gradient():
    network = LobeUNet(**SMALL)
    network(torch.rand(2, 1, 16, 12, 20)).square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_a_checkpoint_rebuilds_its_network(tmp_path):
    network = LobeUNet(**SMALL).eval()
    torch.save(network.state_dict(), tmp_path / "lobe_model.pt")
    again = lobe_unet_from(tmp_path / "lobe_model.pt").eval()
    x = torch.rand(1, 1, 16, 12, 20)
    assert torch.equal(again(x), network(x))
    assert again.spatial_shape.tolist() == [16, 12, 20]


def test_weights_of_another_grid_are_refused():
    other = LobeUNet(**SMALL | {"spatial_shape": (24, 12, 20)}).state_dict()
    with pytest.raises(UserError, match=r"trained with spatial_shape \[24, 12, 20\], not \[16, 12, 20\]"):
        LobeUNet(**SMALL).load_state_dict(other)


def test_a_checkpoint_of_another_kind_is_refused(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "model.pt")
    with pytest.raises(UserError, match="not the checkpoint of a lobe network"):
        lobe_unet_from(tmp_path / "model.pt")


def test_a_grid_that_cannot_be_halved_often_enough_is_named():
    with pytest.raises(ValueError, match=r"spatial_shape=\(16, 12, 18\) is not divisible by 4"):
        LobeUNet(**SMALL | {"spatial_shape": (16, 12, 18)})
