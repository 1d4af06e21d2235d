import pytest
import torch

from scripts.explanation import map_correlation, randomised
from scripts.networks import pa_66_m, resnet18


@pytest.mark.parametrize("build", [pa_66_m, resnet18])
def test_no_layer_keeps_what_it_learnt(build):
    network = build(spatial_shape=(32, 24, 40))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    forgotten = randomised(network, seed=1)
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)
    for name, parameter in forgotten.named_parameters():
        assert not torch.equal(parameter, before[name]), name


def test_the_seed_decides_and_the_callers_random_state_is_untouched():
    network = torch.nn.Linear(3, 2)
    state = torch.get_rng_state()
    first, again, other = (randomised(network, seed).weight for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_correlation_is_of_ranks_and_a_constant_map_has_none():
    x = torch.rand(4, 5, 6)
    assert map_correlation(x, x**3) == 1 and map_correlation(x, -x) == -1
    assert map_correlation(x, torch.ones(4, 5, 6)) == 0
