"""The attention of PARL: where in space each channel responds most."""

import torch
from torch import nn

__all__ = ["LearnableSpatialAttention", "RescaledSpatialAttention", "SpatialAttention", "spatial_softmax"]


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
