"""A heat map as a NIfTI file in the scan's own geometry."""

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import torch

from scripts.files import write_nifti
from scripts.transforms import grid_to_scan

__all__ = ["heat_on_scan", "save_heat_map"]

STEPS = 255  # a byte a voxel: a float map of 512 x 512 x 300 voxels would take 300 MB


def heat_on_scan(
    heat: torch.Tensor,
    grid_affine: torch.Tensor | np.ndarray,
    scan_affine: torch.Tensor | np.ndarray,
    scan_shape: Sequence[int],
) -> np.ndarray:
    """Map a heat map from the grid onto the scan's voxels, in 255 steps; 0 where the network saw nothing.

    Args:
        heat: 0 to 1, shape ``(R, A, S)``.
        grid_affine: grid voxel to world in mm.
        scan_affine: scan voxel to world in mm, in any orientation, as the scan was read.
        scan_shape: shape of the scan as it was read.

    Returns:
        uint8, shape ``scan_shape``; 255 stands for 1.
    """
    mapped = grid_to_scan(heat.cpu(), grid_affine, scan_affine, scan_shape)
    return mapped.mul_(STEPS).round_().clamp_(0, STEPS).to(torch.uint8).numpy()


def save_heat_map(steps: np.ndarray, affine: torch.Tensor | np.ndarray, path: Path, description: str) -> None:
    """Write what :func:`heat_on_scan` returned; the header's slope makes viewers show 0 to 1.

    Args:
        steps: uint8, the scan's shape.
        affine: of the scan.
        path: ends in ``.nii.gz``.
        description: for the header; cut after 79 characters, its room there.
    """
    image = nibabel.Nifti1Image(steps, np.asarray(affine, dtype=float))
    image.header.set_slope_inter(1 / STEPS, 0)
    image.header.set_xyzt_units("mm")
    image.header["cal_max"] = 1
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    write_nifti(path, image)
