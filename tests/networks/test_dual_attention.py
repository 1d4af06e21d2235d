import math

import pytest
import torch
from torch import nn

from scripts.networks import BasicBlock, DepthAttention, VideoResNet, da_ca_resnet18, resnet18

SHAPE = (32, 24, 16)


def always_open(channels: int, depth: int) -> DepthAttention:
    attention = DepthAttention(channels, depth)
    attention.gate[2].weight.data.zero_()
    attention.gate[2].bias.data.fill_(1e3)  # sigmoid(1000) = 1
    return attention


def random_volume(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_depth_attention_hand_worked_case():
    attention = DepthAttention(channels=2, depth=2)
    w1, b1, w2, b2 = attention.parameters()
    with torch.no_grad():
        w1.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 1]]))  # the first slice's, the last one's mean
        w2.copy_(torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, 3]]))
        b1.copy_(torch.tensor([0.0, -1])), b2.copy_(torch.tensor([0.0, 1, 0, 0]))
    x = torch.tensor([[[[0.0, 5], [4, 5]]], [[[-1.0, 2], [-3, 4]]]])[None]  # means 2, 5 and -2, 3
    gates = torch.tensor([[2.0, 3], [-2, 6]]).sigmoid()  # hidden: 2 and 3 - 1; then W2 and its bias
    torch.testing.assert_close(attention.gates(x), gates[None])
    torch.testing.assert_close(attention(x), x * gates[None, :, None, None])


def test_gates_differ_from_slice_to_slice_and_lie_between_0_and_1():
    torch.manual_seed(0)
    gates = DepthAttention(channels=3, depth=5).gates(random_volume(2, 3, 7, 4, 5))
    assert gates.shape == (2, 3, 5)
    assert gates.std(dim=2).min() > 0
    assert 0 < gates.min() < gates.max() < 1


def test_gates_do_not_see_where_in_a_slice_something_is():
    attention, x = DepthAttention(channels=3, depth=5), random_volume(2, 3, 7, 4, 5)
    torch.testing.assert_close(attention.gates(x.transpose(2, 3)), attention.gates(x))
    torch.testing.assert_close(attention.gates(x.flip(2, 3).roll(1, dims=2)), attention.gates(x))
    assert not torch.allclose(attention.gates(x.flip(4)), attention.gates(x))


def test_open_gates_change_nothing():
    x = random_volume(2, 3, 7, 4, 5)
    torch.testing.assert_close(always_open(3, 5)(x), x, rtol=0, atol=0)


def test_a_network_with_open_gates_equals_the_one_without_depth_attention():
    parts = {"channels": (8, 16), "blocks": (2, 2), "num_classes": 3, "spatial_shape": (12, 10, 6)}
    plain = VideoResNet(depth_attention=nn.Identity, channel_attention=nn.Identity, **parts).eval()
    gated = VideoResNet(depth_attention=always_open, channel_attention=nn.Identity, **parts).eval()
    for module in gated.modules():  # the network draws all weights anew
        if isinstance(module, DepthAttention):
            module.load_state_dict(always_open(*_sizes(module)).state_dict())
    gated.load_state_dict(plain.state_dict(), strict=False)
    x = random_volume(2, 1, 12, 10, 6)
    torch.testing.assert_close(gated(x), plain(x), rtol=0, atol=0)


def _sizes(attention: DepthAttention) -> tuple[int, int]:
    depth = attention.gate[0].out_features
    return attention.gate[0].in_features // depth, depth


def test_block_order_is_depth_then_channels_then_shortcut_then_relu():
    double, add_one = nn.Identity(), nn.Identity()
    double.forward = lambda x: 2 * x
    add_one.forward = lambda x: x + 1
    block = BasicBlock(4, 4, stride=1, depth_attention=double, channel_attention=add_one).eval()
    x = random_volume(2, 4, 5, 4, 3)
    found = block.conv2(block.conv1(x))
    torch.testing.assert_close(block(x), (2 * found + 1 + x).relu())
    assert [type(layer) for layer in block.conv1] == [nn.Conv3d, nn.BatchNorm3d, nn.ReLU]
    assert [type(layer) for layer in block.conv2] == [nn.Conv3d, nn.BatchNorm3d]


@pytest.mark.parametrize(("in_channels", "stride"), [(4, 1), (4, 2), (8, 2)])
def test_shortcut_is_projected_where_the_shape_changes(in_channels, stride):
    block = BasicBlock(in_channels, 8, stride, nn.Identity(), nn.Identity())
    projection = block.downsample[0]
    assert (projection.kernel_size, projection.stride) == ((1, 1, 1), (stride,) * 3)
    assert block(random_volume(2, in_channels, 5, 4, 3)).shape[2:] == tuple(
        math.ceil(n / stride) for n in (5, 4, 3)
    )


def test_stem_keeps_every_slice_and_maps_shrink_as_in_the_paper():
    with torch.device("meta"):
        network = resnet18()
        x, sizes = torch.empty(1, 1, 224, 224, 64), []
        for layer in network.features:
            x = layer(x)
            sizes.append(tuple(x.shape[1:]))
    stem = (64, 112, 112, 64)
    assert sizes == [stem, stem, (128, 56, 56, 32), (256, 28, 28, 16), (512, 14, 14, 8)]
    assert network.features.stem[0].kernel_size == (7, 7, 3)
    assert network.features.stem[0].stride == (2, 2, 1)
    assert all(convolve.bias is None for convolve in network.modules() if isinstance(convolve, nn.Conv3d))


def test_weights_start_as_the_authors_drew_them():
    torch.manual_seed(0)
    network = da_ca_resnet18(spatial_shape=SHAPE)
    convolve = network.features.layer2[0].conv1[0]  # 64 to 128 channels: fan-in and fan-out differ
    assert convolve.weight.std().item() == pytest.approx(math.sqrt(2 / (128 * 27)), rel=0.02)  # fan-out
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    assert len(linear) == 8 * 2 + 8 * 2 + 1
    assert torch.cat([layer.weight.flatten() for layer in linear]).std().item() == pytest.approx(
        0.01, rel=0.02
    )
    assert all(layer.bias.count_nonzero() == 0 for layer in linear)
    for normalise in (module for module in network.modules() if isinstance(module, nn.BatchNorm3d)):
        assert normalise.weight.eq(1).all()
        assert normalise.bias.eq(0).all()
