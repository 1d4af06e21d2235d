"""The grid that a network is made for: checked when it is built and when it is asked."""

from collections.abc import Sequence
from numbers import Integral

import torch

from scripts.errors import UserError

__all__ = ["check_input", "checked_spatial_shape", "halved"]


def checked_spatial_shape(spatial_shape: Sequence[int], stride: Sequence[int]) -> list[int]:
    """Return a grid's shape as a list of integers, or refuse it.

    Args:
        spatial_shape: the grid's size along R, A and S in voxels.
        stride: grid voxels per voxel of the network's deepest block along R, A and S.

    Raises:
        UserError: the shape is not three positive integers, or the deepest block would see a single voxel.
    """
    shape = list(spatial_shape)
    if len(shape) != 3 or not all(isinstance(size, Integral) and size > 0 for size in shape):
        raise UserError(
            f"spatial_shape={shape} is not three positive integers; give R, A and S, e.g. [96, 96, 96]"
        )
    if all(size <= step for size, step in zip(shape, stride, strict=True)):
        raise UserError(
            f"spatial_shape={shape} would reach the network's deepest block as a single voxel; "
            f"make one axis at least longer than {list(stride)} (R, A, S)"
        )
    return [int(size) for size in shape]


def halved(size: int, times: int) -> int:
    """Return how many voxels are left of ``size`` after so many padded convolutions of stride 2."""
    return -(-size // 2**times)


def check_input(x: torch.Tensor, spatial_shape: list[int]) -> None:
    """Refuse an input that is not ``(B, 1, *spatial_shape)``.

    Raises:
        ValueError: naming both shapes; without it a fully connected layer would fail on its matrix product.
    """
    if list(x.shape[1:]) != [1] + spatial_shape:  # noqa: RUF005 - TorchScript has no unpacking
        raise ValueError(
            f"the input has shape {list(x.shape)}, but the network was made for "
            f"spatial_shape={spatial_shape}, one channel: (B, 1, R, A, S)"
        )
