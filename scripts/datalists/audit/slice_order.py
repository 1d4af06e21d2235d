"""Slices that repeat, are out of order, or are missing by their names."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scripts.scans import Lungs, Scan, resample, scan_files

__all__ = ["missing_names", "out_of_order", "repeated_slices", "upside_down"]

PLANE = (24, 20)  # cells along R, A: enough to tell slices apart, too few for noise
NEARER = 1.6  # a slice this much nearer to one elsewhere than to its own neighbour marks a seam
WIDER = 1.25  # lungs are this much wider at their bases than at their tips
END = 0.1  # of the lungs' height: where tips and bases are measured
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
    """Count the seams: a slice that is much more like a slice further away than like its neighbour.

    A run of slices in reversed order, or moved elsewhere, leaves a seam at its ends. Missing slices leave
    none: what comes after a gap is still the nearest there is.
    """
    low, high = np.full(3, -0.5), np.array(scan.voxels.shape) - 0.5
    count = scan.voxels.shape[2]
    planes = resample(scan.voxels, low, high, (*PLANE, count)).numpy().reshape(-1, count).T
    squares = (planes**2).sum(1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares - 2 * planes @ planes.T, 0) / planes.shape[1])
    noise = np.median(np.diag(distance, 1)) / 4 + 1e-3  # two blank slices are no neighbours' proof
    far = distance + noise
    index = np.arange(count)
    far[np.abs(index[:, None] - index) <= 1] = np.inf
    step = np.diag(distance, 1)
    nearest = np.minimum(far[:-1].min(1), far[1:].min(1))
    return int((step > NEARER * nearest).sum())


def upside_down(lungs: Lungs) -> bool:
    """Tell a scan whose slices run from the feet up under a header that says down, or the reverse.

    Lungs are wide above the diaphragm and narrow at their tips.
    """
    slices = np.flatnonzero(lungs.mask.any((0, 1)))
    inset = round(END * len(slices))
    bottom, top = (int(np.ptp(np.flatnonzero(lungs.mask[:, :, k].any(1)))) for k in _ends(slices, inset))
    return top > WIDER * bottom


def _ends(slices: np.ndarray, inset: int) -> tuple[int, int]:
    return int(slices[inset]), int(slices[-1 - inset])


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
