"""The residual units of PARL, with prior attention, self-attention or none; and spatial attention itself.

Wang et al. 2020, section 3.2.
"""

import torch
from torch import nn

__all__ = [
    "BranchPair",
    "LearnableSpatialAttention",
    "PriorAttentionUnit",
    "RescaledSpatialAttention",
    "ResidualUnit",
    "SelfAttentionUnit",
    "SpatialAttention",
    "convolution",
    "initialise_kaiming",
    "spatial_softmax",
]


def spatial_softmax(features: torch.Tensor) -> torch.Tensor:
    r"""Return the attention map S(O): a softmax over all positions of each channel (Wang et al., Eq. 6).

    .. math:: m_{c,ijk} = \exp(O_{c,ijk}) / \textstyle\sum_{i'j'k'} \exp(O_{c,i'j'k'})

    Computed and returned in float32 also under autocast: the mean over 48 x 48 x 48 positions is 9e-6, less
    than float16's smallest normal number (6e-5).

    Shape: ``(B, C, R, A, S)`` to the same.
    """
    positions = features.flatten(2)  # (B, C, R * A * S)
    return positions.softmax(dim=2, dtype=torch.float32).reshape(features.shape)


class SpatialAttention(nn.Module):
    r"""Weigh each position of x by the attention that other features pay to it: ``gamma * S(O) . x``.

    The last term of Eqs. 3-5 of Wang et al., IEEE TMI 39(8), 2020, doi:10.1109/TMI.2020.2994908.

    Args:
        gamma: weight of the attention; 1 in the paper, fixed.

    Shape: features O and x, both ``(B, C, R, A, S)``, to the same, in the data type of x.

    >>> attention = SpatialAttention()
    >>> attention(torch.rand(2, 16, 6, 5, 4), torch.rand(2, 16, 6, 5, 4)).shape
    torch.Size([2, 16, 6, 5, 4])
    """

    def __init__(self, gamma: float = 1.0) -> None:
        super().__init__()
        self.gamma: float | nn.Parameter = gamma

    def attention_map(self, features: torch.Tensor) -> torch.Tensor:
        """Return S(O) in float32, ``(B, C, R, A, S)``, without gamma."""
        return spatial_softmax(features)

    def forward(self, features: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return (x * (self.gamma * self.attention_map(features))).to(x.dtype)


class RescaledSpatialAttention(SpatialAttention):
    """Spatial attention whose map has mean 1: S(O) times its number of positions.

    A departure from the paper, whose map sums to 1 and is hence the fainter the larger the map.
    """

    def attention_map(self, features: torch.Tensor) -> torch.Tensor:
        """Return S(O) times the number of positions in float32, ``(B, C, R, A, S)``, without gamma."""
        return spatial_softmax(features) * features[0, 0].numel()


class LearnableSpatialAttention(SpatialAttention):
    """Spatial attention with a gamma that is learnt, one for each unit.

    A departure from the paper, which names it as future work.

    Args:
        gamma: the value that training starts from.
    """

    def __init__(self, gamma: float = 1.0) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.tensor(gamma))


def convolution(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Sequential:
    """Return a padded convolution with bias, its batch normalisation and ReLU."""
    convolve = nn.Conv3d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2)
    initialise_kaiming(convolve)
    return nn.Sequential(convolve, nn.BatchNorm3d(out_channels), nn.ReLU(inplace=True))


def initialise_kaiming(layer: nn.Conv3d | nn.Linear) -> None:
    """Draw a layer's weights from He's normal distribution (fan-in); set its bias to 0."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class ResidualUnit(nn.Module):
    r"""Add what three convolutions find to what came in.

    WARL of Wang et al., IEEE TMI 39(8), 2020, doi:10.1109/TMI.2020.2994908:
    :math:`f(x) = x + h(x)`. Every convolution of h has its batch normalisation and ReLU; no ReLU
    follows the sum.

    The paper does not give the kernels' order. 1 x 1 x 1 (C to C/2), 3 x 3 x 3 (C/2 to C), 1 x 1 x 1 (C to C)
    is our choice among those that give the paper's parameter counts.

    Args:
        channels: number of channels C; even.

    Shape: ``(B, C, R, A, S)`` to the same.

    >>> ResidualUnit(16)(torch.rand(2, 16, 6, 5, 4)).shape
    torch.Size([2, 16, 6, 5, 4])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels % 2:
            raise ValueError(f"channels={channels} is not even; the first convolution halves it")
        self.residual = nn.Sequential(
            convolution(channels, channels // 2, kernel_size=1),
            convolution(channels // 2, channels, kernel_size=3),
            convolution(channels, channels, kernel_size=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.residual(x)


class SelfAttentionUnit(ResidualUnit):
    r"""Add to a residual unit the attention that its own residual pays to its input.

    SARL (Wang et al.): :math:`f(x) = x + h(x) + \gamma S(h(x)) \cdot x`. The weights have the names of
    :class:`ResidualUnit`'s, so that each loads into the other.

    Args:
        channels: number of channels C; even.
        attention: takes h(x) and x, returns :math:`\gamma S(h(x)) \cdot x`.

    Shape: ``(B, C, R, A, S)`` to the same.
    """

    def __init__(self, channels: int, attention: nn.Module) -> None:
        super().__init__(channels)
        self.attention = attention

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = self.residual(x)
        return x + residual + self.attention(residual, x)


class BranchPair(nn.Module):
    """Run one layer on the detection branch and one on the type branch; neither sees the other.

    Args:
        detection: the detection branch's layer.
        pneumonia_type: the type branch's layer.

    Shape: two tensors ``(B, C, R, A, S)`` to what the two layers make of them.
    """

    def __init__(self, detection: nn.Module, pneumonia_type: nn.Module) -> None:
        super().__init__()
        self.detection = detection
        self.pneumonia_type = pneumonia_type

    def forward(
        self, detection: torch.Tensor, pneumonia_type: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return self.detection(detection), self.pneumonia_type(pneumonia_type)


class PriorAttentionUnit(nn.Module):
    r"""Let what the detection branch finds guide the type branch.

    PARL (Wang et al., Fig. 4): with the detection branch's residual :math:`O = h_1(x_1)` as the prior,

    .. math::

        f_1(x_1) &= x_1 + h_1(x_1) \\
        f_2(x_2) &= x_2 + h_2(x_2) + \gamma S(O) \cdot x_2

    O is taken after the last ReLU of :math:`h_1`. Gradients flow through S(O) into the detection branch.
    The two branches are equally wide, so the paper's 1 x 1 x 1 convolution on O is not needed.

    Args:
        channels: number of channels C of either branch; even.
        attention: takes O and :math:`x_2`, returns :math:`\gamma S(O) \cdot x_2`.

    Shape: x1 of the detection branch and x2 of the type branch, both ``(B, C, R, A, S)``, to the same.
    """

    def __init__(self, channels: int, attention: nn.Module) -> None:
        super().__init__()
        self.detection = ResidualUnit(channels)
        self.pneumonia_type = ResidualUnit(channels)
        self.attention = attention

    def forward(self, x1: torch.Tensor, x2: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        prior = self.detection.residual(x1)
        return x1 + prior, self.pneumonia_type(x2) + self.attention(prior, x2)
