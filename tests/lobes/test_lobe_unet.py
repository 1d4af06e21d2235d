import pytest
import torch

from scripts.lobes import LobeUNet

SMALL = {"channels": (4, 8, 16), "residual_units": 1, "spatial_shape": (16, 12, 20)}


def test_logits_of_six_classes_on_the_grid_it_got():
    assert LobeUNet(**SMALL)(torch.zeros(2, 1, 16, 12, 20)).shape == (2, 6, 16, 12, 20)


def test_every_parameter_gets_a_finite_gradient():
    network = LobeUNet(**SMALL)
    network(torch.rand(2, 1, 16, 12, 20)).square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_a_grid_that_cannot_be_halved_often_enough_is_named():
    with pytest.raises(ValueError, match=r"spatial_shape=\(16, 12, 18\) is not divisible by 4"):
        LobeUNet(**SMALL | {"spatial_shape": (16, 12, 18)})
