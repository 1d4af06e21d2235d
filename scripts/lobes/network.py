"""The 3D U-Net that finds the lobes."""

from collections.abc import Sequence

import torch
from monai.networks.nets import UNet
from torch import nn

from .labels import LOBES

__all__ = ["LobeUNet"]


class LobeUNet(nn.Module):
    """MONAI's U-Net from the lungs' grid to the lobes.

    PARL's first stage (Wang et al., IEEE TMI 39(8), 2020, section 3.1) is a 3D U-Net (Cicek et al., 2016)
    with input and output of 128 x 96 x 128 (Z x Y x X), here 128 x 96 x 128 along R, A, S. Departure: MONAI's
    U-Net has strided convolutions where Cicek's pools, and residual units.

    Args:
        channels: of each resolution, finest first; each next is half as fine.
        residual_units: convolutions in each residual unit; 0 has one plain convolution instead.
        spatial_shape: voxels of the grid along R, A, S; divisible by ``2 ** (len(channels) - 1)``.

    Shape: ``(B, 1, R, A, S)``, 0 to 1, to logits ``(B, 6, R, A, S)``

    Example:
        >>> LobeUNet(channels=(4, 8), spatial_shape=(8, 6, 10))(torch.zeros(2, 1, 8, 6, 10)).shape
        torch.Size([2, 6, 8, 6, 10])
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128, 256),
        residual_units: int = 2,
        spatial_shape: Sequence[int] = (128, 96, 128),
    ) -> None:
        super().__init__()
        coarsest = 2 ** (len(channels) - 1)
        if any(size % coarsest for size in spatial_shape):
            raise ValueError(f"spatial_shape={tuple(spatial_shape)} is not divisible by {coarsest}")
        self.unet = UNet(
            spatial_dims=3,
            in_channels=1,
            out_channels=len(LOBES) + 1,
            channels=channels,
            strides=[2] * (len(channels) - 1),
            num_res_units=residual_units,
        )
        self.spatial_shape = [int(size) for size in spatial_shape]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.unet(x)
