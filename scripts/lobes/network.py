"""The 3D U-Net that finds the lobes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets import UNet
from torch import nn

from scripts.errors import UserError
from scripts.networks import load_weights, read_state_dict

from .labels import LOBES

__all__ = ["LobeUNet", "lobe_unet_from"]


class LobeUNet(nn.Module):
    """MONAI's U-Net from the lungs' grid to the lobes.

    PARL's first stage (Wang et al., IEEE TMI 39(8), 2020, section 3.1) is a 3D U-Net (Cicek et al., 2016)
    with input and output of 128 x 96 x 128 (Z x Y x X), here 128 x 96 x 128 along R, A, S. Departure: MONAI's
    U-Net has strided convolutions where Cicek's pools, and residual units.

    Its checkpoint says what it takes: the sizes below are buffers of the state dict.

    Args:
        channels: of each resolution, finest first; each next is half as fine.
        residual_units: convolutions in each residual unit; 0 has one plain convolution instead.
        spatial_shape: voxels of the grid along R, A, S; divisible by ``2 ** (len(channels) - 1)``.

    Shape: ``(B, 1, R, A, S)``, 0 to 1, to logits ``(B, 6, R, A, S)``

    Example:
        >>> LobeUNet(channels=(4, 8), spatial_shape=(8, 6, 10))(torch.zeros(2, 1, 8, 6, 10)).shape
        torch.Size([2, 6, 8, 6, 10])
    """

    spatial_shape: torch.Tensor  # shape (3,)

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
        self.register_buffer("channels", torch.tensor(list(channels)))
        self.register_buffer("residual_units", torch.tensor(residual_units))
        self.register_buffer("spatial_shape", torch.tensor(list(spatial_shape)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.unet(x)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load weights, refusing those that were trained on a grid of another shape."""
        found, expected = state_dict["spatial_shape"].tolist(), self.spatial_shape.tolist()
        if found != expected:
            raise UserError(
                f"the lobe checkpoint was trained with spatial_shape {found}, not {expected}; "
                f"run with the recipe that it was trained with"
            )
        return super().load_state_dict(state_dict, strict, assign)


def lobe_unet_from(path: str | Path) -> LobeUNet:
    """Build the network that a checkpoint was trained as, and read its weights.

    Args:
        path: ``lobe_model.pt``, as ``train_lobes.yaml`` writes it.

    Raises:
        UserError: there is no such file, or it is not the checkpoint of a :class:`LobeUNet`.
    """
    sizes = read_state_dict(path, "train one with configs/train_lobes.yaml, or name yours")
    names = ("channels", "residual_units", "spatial_shape")
    if not all(name in sizes for name in names):
        raise UserError(
            f"{path}: not the checkpoint of a lobe network; expected what train_lobes.yaml writes"
        )
    network = LobeUNet(
        channels=sizes["channels"].tolist(),
        residual_units=int(sizes["residual_units"]),
        spatial_shape=sizes["spatial_shape"].tolist(),
    )
    load_weights(network, path)
    return network
