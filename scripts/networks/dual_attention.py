"""The networks of Shi et al.: a video ResNet-18 with attention over slices and over channels."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import nn

from .spatial_shape import check_input, checked_spatial_shape, halved

__all__ = ["BasicBlock", "DepthAttention", "VideoResNet"]


class DepthAttention(nn.Module):
    r"""Weigh each slice of each channel by how much it matters.

    Depth attention of Shi et al., 2021, arXiv:2105.06779:

    .. math::

        z_{cs}   &= \tfrac{1}{RA} \textstyle\sum_{ra} x_{cras}  && \text{squeeze, Eq. 1} \\
        g        &= \sigma(W_2 \, \mathrm{ReLU}(W_1 z))         && \text{excite, Eq. 2} \\
        y_{cras} &= g_{cs} \, x_{cras}                          && \text{scale}

    :math:`W_1` maps all slices of all channels together (C * S numbers) to S, :math:`W_2` back; both have
    a bias. The number of slices is therefore fixed. The paper's H, W, D are A, R, S here.

    Args:
        channels: number of channels C.
        depth: number of slices S.

    Shape: ``(B, C, R, A, S)`` to the same, of any R and A.

    >>> DepthAttention(channels=8, depth=4)(torch.rand(2, 8, 6, 5, 4)).shape
    torch.Size([2, 8, 6, 5, 4])
    """

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(channels * depth, depth), nn.ReLU(), nn.Linear(depth, channels * depth), nn.Sigmoid()
        )

    def gates(self, x: torch.Tensor) -> torch.Tensor:
        """Return the weight of each slice of each channel, ``(B, C, S)``, from 0 to 1."""
        squeezed = x.mean(dim=(2, 3))  # (B, C, S)
        return self.gate(squeezed.flatten(1)).view(squeezed.shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gates(x)[:, :, None, None]


class BasicBlock(nn.Module):
    """Two convolutions, attention on what they find, and the shortcut.

    Convolution, BN, ReLU, convolution, BN, depth attention, channel attention, sum, ReLU. (The order of
    the two attentions is that of the authors' code; the paper's text names the channels first.)

    Args:
        in_channels: number of channels that come in.
        channels: number of channels C that go out.
        stride: of the first convolution and of the shortcut, on all axes.
        depth_attention: maps ``(B, C, R, A, S)`` to the same; ``nn.Identity()`` for none.
        channel_attention: likewise.

    Shape: ``(B, in_channels, R, A, S)`` to ``(B, C, R / stride, A / stride, S / stride)``, rounded up.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int,
        depth_attention: nn.Module,
        channel_attention: nn.Module,
    ) -> None:
        super().__init__()
        self.conv1 = _convolution(in_channels, channels, 3, stride, nn.ReLU(inplace=True))
        self.conv2 = _convolution(channels, channels, 3, 1)
        self.depth_attention = depth_attention
        self.channel_attention = channel_attention
        changes_shape = stride != 1 or in_channels != channels
        self.downsample = _convolution(in_channels, channels, 1, stride) if changes_shape else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.conv2(self.conv1(x))
        return self.relu(self.channel_attention(self.depth_attention(found)) + self.downsample(x))


class VideoResNet(nn.Module):
    """Classify a scan with a video ResNet-18, its slices in the place of a video's frames.

    Topology and layer names are those of torchvision's ``r3d_18``, with depth last instead of first: the stem
    keeps all slices (kernel 7 x 7 x 3, stride 2 x 2 x 1, no max-pooling), then every layer but the first
    halves all axes. :func:`scripts.networks.load_kinetics_weights` fills it from ``r3d_18``'s weights.

    Its layers: ``features.stem``, ``features.layer1`` to ``features.layer4``, each of blocks ``0`` and ``1``
    with ``depth_attention`` and ``channel_attention``, and ``fc``. CAM takes ``features.layer4`` and ``fc``.

    Initialisation: convolutions from He's normal distribution (fan-out), batch normalisation 1 and 0, fully
    connected layers, those of the attentions too, from N(0, 0.01) with bias 0.

    Args:
        channels: number of channels of the four layers; the stem has the first.
        blocks: number of blocks in each layer.
        depth_attention: called with a number of channels and of slices, returns a block's depth attention;
            ``nn.Identity`` for none.
        channel_attention: called with a number of channels, returns a block's channel attention;
            ``nn.Identity`` for none.
        num_classes: number of logits.
        spatial_shape: the grid's size along R, A and S in voxels.

    Shape: ``(B, 1, R, A, S)`` to ``(B, num_classes)``.

    Raises:
        UserError: the network cannot take the spatial shape.
    """

    def __init__(
        self,
        channels: Sequence[int],
        blocks: Sequence[int],
        depth_attention: Callable[[int, int], nn.Module],
        channel_attention: Callable[[int], nn.Module],
        num_classes: int,
        spatial_shape: Sequence[int],
    ) -> None:
        super().__init__()
        halvings = len(channels) - 1
        stride = [2 ** (1 + halvings), 2 ** (1 + halvings), 2**halvings]
        self.spatial_shape = checked_spatial_shape(spatial_shape, stride)
        layers: OrderedDict[str, nn.Module] = OrderedDict(stem=_stem(channels[0]))
        in_channels = channels[0]
        for index, (width, count) in enumerate(zip(channels, blocks, strict=True)):
            depth = halved(self.spatial_shape[2], times=index)
            layer = nn.Sequential()
            for number in range(count):
                stride_of_block = 2 if index > 0 and number == 0 else 1
                attentions = depth_attention(width, depth), channel_attention(width)
                layer.append(BasicBlock(in_channels, width, stride_of_block, *attentions))
                in_channels = width
            layers[f"layer{index + 1}"] = layer
        self.features = nn.Sequential(layers)
        self.fc = nn.Linear(in_channels, num_classes)
        self.apply(_initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_input(x, self.spatial_shape)
        return self.fc(self.features(x).mean(dim=(2, 3, 4)))


def _stem(channels: int) -> nn.Sequential:
    convolve = nn.Conv3d(1, channels, (7, 7, 3), stride=(2, 2, 1), padding=(3, 3, 1), bias=False)
    return nn.Sequential(convolve, nn.BatchNorm3d(channels), nn.ReLU(inplace=True))


def _convolution(
    in_channels: int, channels: int, kernel_size: int, stride: int, *then: nn.Module
) -> nn.Sequential:
    convolve = nn.Conv3d(in_channels, channels, kernel_size, stride, padding=kernel_size // 2, bias=False)
    return nn.Sequential(convolve, nn.BatchNorm3d(channels), *then)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
