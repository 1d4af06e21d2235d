import torch
from monai.networks.nets import ResNet
from small_encoder import BLOCKS, CHANNELS, formula, small_weights

from scripts.networks import InflatedResNet, convert_inflated_resnet

DEPTH = 288  # slices, so that the middle ones see neither end

# transformers 5.24.0's ResNetModel, a 2-D ResNet by others, with the same weights summed over depth and
# colours, on the same picture of 64 x 40: mean over positions of every 11th channel, and over channels
# along R and A
TRANSFORMERS = [
    [0.0, 0.0, 0.525509, 0.921079, 1.602568, 0.016939, 0.0, 0.151238, 1.094301, 0.973718, 0.047089, 0.0],
    [0.525328, 0.492502],
    [0.492502, 0.510249],
]


def built(weights):
    network = InflatedResNet(CHANNELS, BLOCKS).double().eval()
    network.load_state_dict({name: value.double() for name, value in weights.items()})
    return network


def still(picture):
    """Return a volume that does not change along S."""
    return picture[..., None].expand(-1, -1, -1, -1, DEPTH)


def test_on_a_volume_without_change_along_depth_it_is_the_2d_network_of_other_hands():
    network = built(convert_inflated_resnet({k: v.double() for k, v in small_weights().items()}))
    maps = network(still(formula(1, 1, 64, 40, phase=0.5) * 0.5 + 0.5))[0, ..., DEPTH // 32]
    found = [maps.mean((1, 2))[::11], maps[:, :, 0].mean(0), maps[:, 1, :].mean(0)]
    for numbers, expected in zip(found, TRANSFORMERS, strict=True):
        torch.testing.assert_close(numbers, torch.tensor(expected).double(), rtol=0, atol=2e-6)


def test_all_layers_of_resnet_152_agree_with_the_2d_network_on_such_a_volume():
    blocks = [3, 8, 36, 3]
    volume = InflatedResNet(2, blocks).double().eval()
    flat = ResNet("bottleneck", blocks, [2, 4, 8, 16], 2, 1, 7, 2, feed_forward=False, bias_downsample=False)
    weights = {
        name: 0.3 * value if name.endswith("bn3.weight") else value
        for name, value in volume.state_dict().items()
    }
    volume.load_state_dict(weights)
    flat.double().eval().load_state_dict({k: v.sum(4) if v.ndim == 5 else v for k, v in weights.items()})
    picture = torch.rand(1, 1, 64, 40, dtype=torch.float64)
    maps = volume(picture[..., None].expand(-1, -1, -1, -1, 864))
    assert maps.shape == (1, 64, 2, 2, 54)
    torch.testing.assert_close(maps[..., 27].mean((2, 3)), flat(picture))


def test_the_checkpoints_axes_are_slices_columns_rows():
    weights = small_weights()
    kernel = convert_inflated_resnet(weights)["layer2.0.conv2.weight"]
    assert kernel[3, 2, 0, 1, 2] == weights["layer2.0.conv2.weight"][3, 2, 2, 0, 1]
    volume = torch.rand(1, 1, 40, 32, 24)  # R, A, S
    colours = volume.permute(0, 1, 4, 2, 3).expand(-1, 3, -1, -1, -1)  # S, R, A
    stem = weights["conv1.weight"]
    oracle = torch.nn.functional.conv3d(colours, stem, stride=(1, 2, 2), padding=(1, 3, 3))
    network = built(convert_inflated_resnet(weights)).float()
    torch.testing.assert_close(network.conv1(volume).permute(0, 1, 4, 2, 3), oracle)


def test_it_has_the_tensors_of_the_published_network():
    with torch.device("meta"):
        state = InflatedResNet().state_dict()
    assert len(state) == 930
    colours = 2 * 64 * 3 * 7 * 7  # that are summed away
    counted = [value.numel() for name, value in state.items() if not name.endswith("num_batches_tracked")]
    assert sum(counted) == 117_517_632 - colours
