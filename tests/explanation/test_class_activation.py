import pytest
import torch

from scripts.errors import UserError
from scripts.explanation import ClassActivation, GradCAM
from scripts.networks import da_ca_resnet18, wa_66

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
