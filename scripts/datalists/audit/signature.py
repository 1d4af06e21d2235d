"""A scan's hash, and a small signature by which nearly the same scan is recognised."""

import hashlib

import numpy as np
from scipy import ndimage

from scripts.scans import Scan, resample

__all__ = ["GRID", "VARIANTS", "content_hash", "signature"]

GRID = (24, 20, 32)  # cells along R, A, S over the whole scan; even, so that halves can be mirrored
VARIANTS = 3  # the whole scan; without its last slice; without its first
CLIP = (0.4, 0.95)  # quantiles: air, padding and most of the lung below, bone and metal above, say little
LOCAL = 0.7  # cells: what is smoother than this all chests have in common


def content_hash(scan: Scan) -> str:
    """Return a SHA-256 of the voxels in canonical orientation, whatever file they were read from."""
    voxels = np.ascontiguousarray(scan.voxels)
    digest = hashlib.sha256(str((voxels.shape, voxels.dtype.kind)).encode())
    digest.update(voxels.astype(np.float32 if voxels.dtype.kind == "f" else np.int32, copy=False).tobytes())
    return digest.hexdigest()


def signature(scan: Scan) -> np.ndarray:
    """Return what a scan looks like on a small grid, freed of what all chests share.

    The box of the scan, not millimetres, carries the grid, so a lost spacing does not matter; quantiles
    clip the values and the length is normalised, so an offset or a slope does not; the variants without an
    end slice meet scans that were cropped by one.

    Args:
        scan: in any unit.

    Returns:
        int8, shape ``(VARIANTS, *GRID)``; each variant has mean 0 and length 127 * k for a k of its own.
    """
    low, high = np.full(3, -0.5), np.array(scan.voxels.shape) - 0.5
    columns = resample(scan.voxels, low, high, (*GRID[:2], scan.voxels.shape[2])).numpy()
    columns = np.clip(columns, *np.quantile(columns, CLIP))
    low, high = np.full(3, -0.5), np.array(columns.shape) - 0.5
    slice_ = np.array([0, 0, 1])
    crops = [(low, high), (low, high - slice_), (low + slice_, high)]
    return np.stack([_detail(resample(columns, *crop, GRID).numpy()) for crop in crops])


def _detail(cells: np.ndarray) -> np.ndarray:
    detail = cells - ndimage.gaussian_filter(cells, LOCAL, mode="nearest")
    detail -= detail.mean()
    return np.round(127 / max(float(np.abs(detail).max()), 1e-6) * detail).astype(np.int8)
