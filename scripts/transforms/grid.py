"""From the scan's voxels to the network's grid in one resampling, and back."""

from collections.abc import Sequence

import nibabel
import numpy as np
import torch

from scripts.scans import AIR, Scan, box_affine, resample

from .regions import Box

__all__ = ["faces_in_grid", "from_window", "grid_to_scan", "scan_to_grid", "to_window"]


def scan_to_grid(scan: Scan, box: Box, shape: Sequence[int]) -> tuple[torch.Tensor, np.ndarray]:
    """Resample a box of a scan onto a grid; spacing, crop and resize are one anti-aliased map.

    Args:
        scan: in HU.
        box: in the scan's voxels; beyond the scan there is air.
        shape: voxels of the grid along R, A, S.

    Returns:
        HU, float32, shape ``shape``; and the affine ``(4, 4)`` from grid voxel to world mm.
    """
    low, high = np.array(box.low), np.array(box.high)
    volume = resample(scan.voxels, low, high, shape, fill=AIR, floor=AIR)
    return volume, scan.affine @ box_affine(low, high, np.array(shape))


def to_window(volume: torch.Tensor, window: tuple[float, float]) -> torch.Tensor:
    """Map a window of HU onto 0 to 1, in place; what lies outside is clamped.

    Args:
        volume: HU, any shape.
        window: ``(level, width)`` in HU.
    """
    level, width = window
    return volume.sub_(level).div_(width).add_(0.5).clamp_(0, 1)


def from_window(grey: torch.Tensor, window: tuple[float, float]) -> torch.Tensor:
    """Return the HU that a window shows as 0 to 1: the way back of :func:`to_window`, but for its clamping.

    Args:
        grey: 0 to 1, any shape; left as it is.
        window: ``(level, width)`` in HU.

    >>> from_window(to_window(torch.tensor([-2000.0, -1100.0, 40.0]), (-500, 1500)), (-500, 1500))
    tensor([-1250., -1100.,    40.])
    """
    level, width = window
    return (grey - 0.5) * width + level


def grid_to_scan(
    volume: torch.Tensor,
    grid_affine: torch.Tensor | np.ndarray,
    scan_affine: torch.Tensor | np.ndarray,
    scan_shape: Sequence[int],
    fill: float = 0.0,
) -> torch.Tensor:
    """Map a volume on the grid, such as a heat map, onto the scan's own voxels.

    Args:
        volume: shape ``(R, A, S)``.
        grid_affine: its affine, as :func:`scan_to_grid` returned it.
        scan_affine: affine of the scan as it was read, in any orientation.
        scan_shape: shape of the scan as it was read.
        fill: value of scan voxels outside the grid.

    Returns:
        float32, shape ``scan_shape``: linear between grid voxels, averaged where the scan is coarser.

    Raises:
        ValueError: the grid's axes are not the scan's.
    """
    low, step = faces_in_grid(grid_affine, scan_affine, scan_shape)
    orientation = nibabel.io_orientation(np.asarray(scan_affine, dtype=float))
    shape = np.array(scan_shape)[np.argsort(orientation[:, 0])]
    mapped = resample(volume.numpy(), low, low + step * shape, shape, fill=fill)
    to_array = nibabel.orientations.ornt_transform(np.array([[0, 1], [1, 1], [2, 1]]), orientation)
    return torch.from_numpy(np.ascontiguousarray(nibabel.apply_orientation(mapped.numpy(), to_array)))


def faces_in_grid(
    grid_affine: torch.Tensor | np.ndarray,
    scan_affine: torch.Tensor | np.ndarray,
    scan_shape: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the scan's first canonical voxel begins, and how long each is, in voxels of the grid.

    Args:
        grid_affine: as :func:`scan_to_grid` returned it.
        scan_affine: of the scan as it was read, in any orientation.
        scan_shape: of the scan as it was read.

    Returns:
        Two arrays of shape ``(3,)``, along R, A, S: canonical voxel j reaches from ``low + j * step`` to
        ``low + (j + 1) * step``.

    Raises:
        ValueError: the grid's axes are not the scan's.
    """
    scan_affine, grid_affine = np.asarray(scan_affine, dtype=float), np.asarray(grid_affine, dtype=float)
    orientation = nibabel.io_orientation(scan_affine)
    shape = np.array(scan_shape)[np.argsort(orientation[:, 0])]
    to_grid = (
        np.linalg.inv(grid_affine) @ scan_affine @ nibabel.orientations.inv_ornt_aff(orientation, scan_shape)
    )
    step = np.diag(to_grid)[:3]
    skew = to_grid[:3, :3] - np.diag(step)
    if (step <= 0).any() or np.abs(skew * shape).max() > 0.01:
        raise ValueError("the grid's axes are not the scan's: its affine does not come from this scan")
    return to_grid[:3, 3] - step / 2, step
