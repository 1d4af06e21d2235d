import pytest
import torch
from torch import nn

from scripts.networks import (
    attention_maps,
    da_ca_resnet18,
    da_resnet18,
    depth_gates,
    pa_66_m,
    sa_66,
    sa_66_m,
    scan_features,
    spatial_softmax,
    wa_66_m,
)

PARL, DUAL, SMALL = (48, 40, 32), (24, 20, 16), (32, 32, 24)


def test_every_attending_unit_shows_its_map():
    maps = attention_maps(sa_66_m(spatial_shape=PARL), torch.rand(2, 1, *PARL))
    assert list(maps) == [
        f"stages.group_{i}_unit_{j}.pneumonia_type.attention" for i in range(1, 5) for j in range(1, 3)
    ]
    sizes = [(2, 16, 24, 20, 16), (2, 32, 12, 10, 8), (2, 64, 6, 5, 4), (2, 128, 3, 3, 2)]
    assert [tuple(seen.shape) for seen in maps.values()] == [size for size in sizes for _ in range(2)]
    for seen in maps.values():
        torch.testing.assert_close(seen.sum(dim=(2, 3, 4)), torch.ones(seen.shape[:2]), rtol=0, atol=1e-4)


def test_the_map_is_that_of_the_detection_branch_s_residual():
    network, x = pa_66_m(spatial_shape=PARL).eval(), torch.rand(1, 1, *PARL)
    first, residual = network.stages.header.detection, network.stages.group_1_unit_1.detection.residual
    expected = spatial_softmax(residual(first(x)))
    torch.testing.assert_close(attention_maps(network, x)["stages.group_1_unit_1.attention"], expected)


def test_every_depth_attention_shows_its_gates():
    network, x = da_resnet18(spatial_shape=DUAL).eval(), torch.rand(2, 1, *DUAL)
    gates = depth_gates(network, x)
    assert list(gates) == [f"features.layer{i}.{j}.depth_attention" for i in range(1, 5) for j in range(2)]
    assert [tuple(seen.shape[1:]) for seen in list(gates.values())[::2]] == [
        (64, 16),
        (128, 8),
        (256, 4),
        (512, 2),
    ]
    first = network.features.layer1[0]
    found = first.conv2(first.conv1(network.features.stem(x)))
    torch.testing.assert_close(gates["features.layer1.0.depth_attention"], first.depth_attention.gates(found))


def test_a_network_without_attention_shows_nothing():
    assert attention_maps(wa_66_m(spatial_shape=PARL), torch.rand(1, 1, *PARL)) == {}


@pytest.mark.parametrize("training", [True, False])
def test_looking_leaves_the_network_as_it_was(training):
    network = pa_66_m(spatial_shape=PARL).train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match="spatial_shape"):
        attention_maps(network, torch.rand(1, 1, 8, 8, 4))
    maps = attention_maps(network, torch.rand(1, 1, *PARL))
    assert network.training == training
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert not any(seen.requires_grad for seen in maps.values())
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("build", "channels"), [(pa_66_m, 2 * 480), (sa_66, 480), (da_ca_resnet18, 64 + 128 + 256 + 512)]
)
def test_each_stage_of_the_papers_networks_gives_the_means_of_its_channels(build, channels):
    network, x = build(spatial_shape=SMALL).train(), torch.rand(3, 1, *SMALL)
    features = scan_features(network, x)
    assert features.shape == (3, channels) and not features.requires_grad
    torch.testing.assert_close(scan_features(network, x[1:2]), features[1:2], rtol=1e-2, atol=1e-2)
    assert network.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_the_first_stage_s_features_are_the_means_of_its_maps():
    network, x, seen = sa_66(spatial_shape=SMALL).eval(), torch.rand(2, 1, *SMALL), []
    network.features.transition_1.register_forward_hook(lambda module, inputs, output: seen.append(output))
    features = scan_features(network, x)
    torch.testing.assert_close(features[:, :32], seen[0].mean(dim=(2, 3, 4)))


def test_any_other_network_gives_what_its_last_fully_connected_layer_is_given():
    network = nn.Sequential(nn.Flatten(), nn.Linear(24, 5), nn.ReLU(), nn.Linear(5, 3))
    x = torch.rand(2, 1, 4, 3, 2)
    torch.testing.assert_close(scan_features(network, x), network[:3](x).detach())


def test_a_network_without_such_a_layer_is_refused():
    with pytest.raises(ValueError, match="Conv3d has no fully connected layer"):
        scan_features(nn.Conv3d(1, 1, 1), torch.rand(1, 1, 4, 3, 2))
