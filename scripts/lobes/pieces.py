"""Each lobe in one piece, on a label map of any size."""

import numpy as np
from scipy import ndimage

from .labels import LOBES

__all__ = ["join_islands"]

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
