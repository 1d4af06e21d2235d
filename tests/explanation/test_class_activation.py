import pytest
import torch
from small_encoder import SHAPE as PROBE_SHAPE

from scripts.errors import UserError
from scripts.explanation import ClassActivation, GradCAM, ProbeActivation, all_methods
from scripts.networks import FeatureStore, da_ca_resnet18, encoder_probe, wa_66

SHAPE = (40, 32, 20)
CLASSES = torch.tensor([2, 0])


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return da_ca_resnet18(spatial_shape=SHAPE).eval()


def test_it_is_grad_cam_times_the_number_of_positions(network):
    """Oracle: with average pooling and one linear layer, dy/dF is the weight over the number of positions."""
    x = torch.rand(2, 1, *SHAPE)
    positions = 3 * 2 * 3
    maps = ClassActivation(network)(x, CLASSES)
    torch.testing.assert_close(maps, positions * GradCAM(network)(x, CLASSES))
    assert maps.shape == (2, *SHAPE) and maps.any()


def test_its_mean_before_relu_is_the_logit_less_its_bias(network):
    x = torch.rand(2, 1, *SHAPE)
    with torch.no_grad():
        network.fc.weight.abs_()  # features are not negative, so ReLU changes nothing
        maps = ClassActivation(network)(x, CLASSES)[:, ::16, ::16, ::8]
        expected = network(x).gather(1, CLASSES[:, None])[:, 0] - network.fc.bias[CLASSES]
    torch.testing.assert_close(maps.mean(dim=(1, 2, 3)), expected)


def test_a_network_without_average_pooling_is_refused():
    with pytest.raises(UserError, match="SingleTaskNetwork has none"):
        ClassActivation(wa_66(spatial_shape=(32, 32, 24)))


@pytest.fixture
def probe(small_encoder):
    network = encoder_probe(encoder="small", precision="float32").eval()
    torch.nn.init.normal_(network.fc.weight)
    return network


def test_a_probes_map_is_grad_cam_of_its_last_layer_where_features_are_not_standardised(probe):
    x = torch.rand(2, 1, *PROBE_SHAPE)
    maps = ProbeActivation(probe)(x, CLASSES)
    assert maps.shape == (2, *PROBE_SHAPE) and maps.any()
    positions = 2 * 1 * 3
    torch.testing.assert_close(maps, positions * GradCAM(probe)(x, CLASSES), rtol=1e-4, atol=1e-4)


def test_a_probes_map_shows_what_the_training_scans_have_less_of(probe):
    x = torch.rand(1, 1, *PROBE_SHAPE)
    maps = probe.encoder(x)
    probe.mean.copy_(maps.mean((0, 2, 3, 4)))  # of a scan that is the training scans' average
    own = probe.class_maps(maps)[:, 1]
    torch.testing.assert_close(own.mean(), torch.tensor(0.0), atol=1e-4, rtol=0)
    found = ProbeActivation(probe)(x, torch.tensor([1]))
    torch.testing.assert_close(found[:, ::32, ::32, ::16], own.relu())


def test_a_probe_is_explained_by_two_layers_though_its_features_are_known(probe):
    x = torch.rand(1, 1, *PROBE_SHAPE)
    methods = all_methods(probe)
    expected = [method(x, torch.tensor([2])) for method in methods]
    probe.encoder.store = FeatureStore()
    probe(x)
    for method, before in zip(methods, expected, strict=True):
        torch.testing.assert_close(method(x, torch.tensor([2])), before)
    assert [method.name for method in methods] == ["cam", "grad_cam_layer3"]


def test_another_network_is_no_probe(network):
    with pytest.raises(UserError, match="not VideoResNet"):
        ProbeActivation(network)
