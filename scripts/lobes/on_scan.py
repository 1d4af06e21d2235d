"""The network's answer on its grid -> a label map on the scan's own voxels."""

from collections.abc import Sequence

import nibabel
import numpy as np
import torch
from monai.transforms import KeepLargestConnectedComponent
from scipy import ndimage

from scripts.scans import resample
from scripts.transforms import faces_in_grid

from .labels import LOBES

__all__ = ["join_islands", "labels_on_scan", "largest_pieces"]

LEAST = 1e-6  # probability of background where no lobe is left
SLAB_VOXELS = 2**21  # of the scan, for which all classes are held as float32 at a time


def largest_pieces(probabilities: torch.Tensor) -> torch.Tensor:
    """Take each lobe's smaller pieces away from it; their voxels go to the next likeliest class.

    By MONAI's KeepLargestConnectedComponent, until no lobe is in two pieces.

    Args:
        probabilities: ``(6, R, A, S)``.

    Returns:
        The same, 0 where a lobe was the likeliest but not connected with its largest piece.
    """
    cleaned = probabilities.clone()
    cleaned[0].clamp_(min=LEAST)
    while True:
        labels = cleaned.argmax(dim=0, keepdim=True)
        stray = KeepLargestConnectedComponent(connectivity=1)(labels.clone()) != labels  # works in place
        if not stray.any():
            return cleaned
        cleaned.scatter_(0, labels, cleaned.gather(0, labels).masked_fill(stray, 0))


def labels_on_scan(
    probabilities: torch.Tensor,
    grid_affine: torch.Tensor | np.ndarray,
    scan_affine: torch.Tensor | np.ndarray,
    scan_shape: Sequence[int],
) -> np.ndarray:
    """Label each voxel of the scan with the class whose interpolated probability is highest there.

    Probabilities are interpolated, not labels: a border between lobes runs between the grid's voxels and
    not along their faces. All happens a slab of slices at a time, and within the grid's box only. On the
    scan's voxels too each lobe is in one piece.

    Args:
        probabilities: ``(6, R, A, S)``, on the grid.
        grid_affine: ``(4, 4)``, grid voxel to world in mm.
        scan_affine: of the scan as it was read, in any orientation.
        scan_shape: of the scan as it was read.

    Returns:
        uint8, shape ``scan_shape``; 0 outside the grid.
    """
    cleaned = largest_pieces(probabilities.float().cpu()).numpy()
    low, step = faces_in_grid(grid_affine, scan_affine, scan_shape)
    labels = np.zeros(tuple(scan_shape), dtype=np.uint8)
    canonical = nibabel.apply_orientation(labels, nibabel.io_orientation(np.asarray(scan_affine)))  # a view
    centres = [low[axis] + (np.arange(size) + 0.5) * step[axis] for axis, size in enumerate(canonical.shape)]
    inside = [
        np.flatnonzero((c >= -0.5) & (c <= size - 0.5))
        for c, size in zip(centres, cleaned.shape[1:], strict=True)
    ]
    if not all(map(len, inside)):
        return labels
    start, stop = (np.array([index[end] for index in inside]) for end in (0, -1))
    stop += 1
    thick = max(1, SLAB_VOXELS // int(np.prod((stop - start)[:2])))
    for first in range(int(start[2]), int(stop[2]), thick):
        corner = np.array([*start[:2], first])
        end = np.array([*stop[:2], min(first + thick, stop[2])])
        faces = low + corner * step, low + end * step
        best = np.full(end - corner, -1.0, dtype=np.float32)
        answer = np.zeros(end - corner, dtype=np.uint8)
        for label, volume in enumerate(cleaned):
            share = resample(volume, *faces, end - corner).numpy()
            better = share > best
            answer[better] = label
            np.maximum(best, share, out=best)
        canonical[tuple(slice(a, b) for a, b in zip(corner, end, strict=True))] = answer
    join_islands(canonical)  # a bridge thinner than the scan's voxels may be missed
    return labels


FACES = ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1))
ISLAND = len(LOBES) + 1  # in the place of a label until it is known what the island becomes


def join_islands(labels: np.ndarray) -> None:
    """Leave each lobe its largest piece; a smaller one becomes what most of its faces touch, in place.

    Pieces hang together by faces. What an island touches is background or another lobe's largest piece, so
    every lobe is in one piece afterwards. Each lobe is looked at in its own box, to save memory.

    Args:
        labels: 0 background, 1 to 5 as ``LOBES``, uint8, shape ``(R, A, S)``.
    """
    voxels, numbers = _islands(labels)
    if not len(voxels):
        return
    labels[tuple(voxels.T)] = ISLAND
    votes = np.zeros((numbers.max() + 1, ISLAND + 1), dtype=int)
    for face in FACES:
        beside = voxels + face
        within = ((beside >= 0) & (beside < labels.shape)).all(axis=1)
        np.add.at(votes, (numbers[within], labels[tuple(beside[within].T)]), 1)
    labels[tuple(voxels.T)] = votes[:, :ISLAND].argmax(axis=1)[numbers]


def _islands(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxels of all pieces but each lobe's largest, ``(N, 3)``, and whose they are, ``(N,)``."""
    voxels, numbers = [np.empty((0, 3), dtype=int)], [np.empty(0, dtype=int)]
    total = 0
    for label, box in enumerate(ndimage.find_objects(labels, len(LOBES)), 1):
        if box is None:
            continue
        pieces, count = ndimage.label(labels[box] == label)
        if count == 1:
            continue
        sizes = np.bincount(pieces.ravel())
        pieces[pieces == 1 + sizes[1:].argmax()] = 0
        found = np.argwhere(pieces)
        numbers.append(pieces[tuple(found.T)] + total)
        voxels.append(found + [side.start for side in box])
        total += count
    return np.concatenate(voxels), np.concatenate(numbers)
