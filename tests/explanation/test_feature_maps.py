import pytest
import torch
from torch import nn

from scripts.explanation.feature_maps import feature_maps, spread


def test_a_deep_voxel_lies_where_its_convolutions_are_centred():
    """Oracle: five padded stride-2 means of an impulse at grid voxel 64 are symmetric about voxel 2 of 3."""
    halve = nn.Conv3d(1, 1, (3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0), bias=False)
    nn.init.constant_(halve.weight, 1 / 3)
    x = torch.zeros(1, 1, 96, 1, 1)
    x[0, 0, 64] = 1
    with torch.no_grad():
        deep = nn.Sequential(*[halve] * 5)(x)[:, 0]
    assert deep.shape == (1, 3, 1, 1) and deep.flatten().argmax() == 2
    assert spread(deep, (96, 1, 1)).flatten().argmax() == 64


@pytest.mark.parametrize("shape", [(48, 40, 32), (33, 20, 7)])
def test_spreading_keeps_the_values_at_the_centres(shape):
    small = tuple(-(-size // 8) for size in shape)
    maps = torch.rand(2, *small)
    spreaded = spread(maps, shape)
    assert spreaded.shape == (2, *shape)
    torch.testing.assert_close(spreaded[:, ::8, ::8, ::8], maps)


def test_maps_that_were_not_halved_are_refused():
    with pytest.raises(ValueError, match="7 voxels do not come from 32 by halving"):
        spread(torch.rand(1, 7, 4, 4), (32, 32, 32))


@pytest.mark.parametrize("training", [True, False])
def test_hooks_and_mode_are_gone_afterwards_even_after_an_error(training):
    network = nn.Sequential(nn.Linear(3, 2), nn.ReLU()).train(training)
    with pytest.raises(RuntimeError), feature_maps(network, ["0"]):
        network(torch.rand(1, 5))
    with feature_maps(network, ["0"]) as kept:
        network(torch.rand(1, 3))
    assert kept["0"].requires_grad and kept["0"].is_leaf
    assert network.training == training
    assert torch.is_grad_enabled()
    assert not any(module._forward_hooks for module in network.modules())
