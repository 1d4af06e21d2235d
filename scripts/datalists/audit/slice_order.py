"""Slices that repeat, are out of order, or are missing by their names."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scripts.scans import Lungs, Scan, resample, scan_files

__all__ = ["missing_names", "out_of_order", "repeated_slices", "upside_down"]

PLANE = (24, 20)  # cells along R, A: enough to tell slices apart, too few for noise
NEARER = 1.45  # two neighbours that are this much nearer to slices elsewhere than to each other mark a seam
TISSUE = -200.0  # HU
THIRD, FIFTH = (0.1, 0.4), (0.0, 0.2)  # of the lungs' height: where widths and tissue are compared
REVERSED = 1.1  # above over below: 0.6 to 0.8 in chests the right way up, the inverse in others
NUMBER = re.compile(r"(\d+)(?=\D*$)")


def repeated_slices(scan: Scan) -> int:
    """Count axial slices whose voxels repeat those of another; uniform slices do not count."""
    slices = scan.voxels.transpose(2, 0, 1)
    seen: set[bytes] = set()
    count = 0
    for plane in slices:
        content = np.ascontiguousarray(plane)
        if content.min() == content.max():
            continue
        key = content.tobytes() if content.size < 4096 else _digest(content)
        count += key in seen
        seen.add(key)
    return count


def _digest(content: np.ndarray) -> bytes:
    import hashlib

    return hashlib.blake2b(content.tobytes(), digest_size=16).digest()


def out_of_order(scan: Scan) -> int:
    """Count the seams: neighbours that are both more like slices further away than like each other.

    A run of slices in reversed order, or moved elsewhere, leaves a seam at its ends. Missing slices leave
    none: what comes after a gap is still the nearest there is.
    """
    low, high = np.full(3, -0.5), np.array(scan.voxels.shape) - 0.5
    count = scan.voxels.shape[2]
    planes = resample(scan.voxels, low, high, (*PLANE, count)).numpy().reshape(-1, count).T
    squares = (planes**2).sum(1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares - 2 * planes @ planes.T, 0) / planes.shape[1])
    step = np.diag(distance, 1)
    far = distance + np.median(step) / 4 + 1e-3  # that two blank slices are alike proves nothing
    index = np.arange(count)
    far[np.abs(index[:, None] - index) <= 1] = np.inf
    elsewhere = np.maximum(far[:-1].min(1), far[1:].min(1))
    return int((step > NEARER * elsewhere).sum())


def upside_down(lungs: Lungs) -> bool:
    """Tell a stack that runs against its header: lungs are wide, and the body is dense, towards the abdomen.

    The width of the lungs and the share of tissue, each above over below, are multiplied.
    """
    mask = lungs.mask
    slices = np.flatnonzero(mask.any((0, 1)))
    width = np.array([np.ptp(np.flatnonzero(mask[:, :, k].any(1))) for k in slices], dtype=float)
    tissue = (lungs.coarse.voxels[:, :, slices] > TISSUE).mean((0, 1))
    return bool(_above_over_below(width, THIRD) * _above_over_below(tissue, FIFTH) > REVERSED)


def _above_over_below(profile: np.ndarray, span: tuple[float, float]) -> float:
    """Compare a profile, from feet to head, between two spans at equal distances from its ends."""
    start, stop = (round(share * len(profile)) for share in span)
    stop = max(stop, start + 1)
    return float(profile[::-1][start:stop].mean() / max(profile[start:stop].mean(), 1e-6))


def missing_names(item: Mapping[str, Any]) -> int:
    """Count the numbers that a folder's slice names leave out; 0 where the scan is one file.

    Names that go up by a constant step (every 10th slice kept) leave out none.

    Args:
        item: with ``image``, and perhaps ``slices``.
    """
    image = str(item["image"])
    if not Path(image).is_dir() and "::" not in image:
        return 0
    names = item.get("slices") or [file.name for file in scan_files(Path("/"), image)]
    stems = [Path(name.rpartition("/")[2]).stem for name in names]
    matches = [NUMBER.search(stem) for stem in stems]
    numbers = np.unique([int(match[1]) for match in matches if match])
    if len(numbers) < 3 or len(numbers) < len(names):
        return 0
    gaps = np.diff(numbers)
    step = int(np.median(gaps))
    return int(np.maximum(0, np.round(gaps / step) - 1).sum())
