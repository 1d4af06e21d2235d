"""The lungs' thin lower edges, between diaphragm and ribs, in the scan's own voxels."""

import numpy as np
from scipy import ndimage

from .gas import LIGHTEST_LUNG, Samples

__all__ = ["lower_edges"]

LOWER = 0.4  # share of the lungs' height in which thin edges are looked for
HALF_THICKNESS = 2  # samples of about 1.7 mm: a bubble is twice as thick
CORNERS = np.ones((3, 3, 3), dtype=bool)


def lower_edges(mask: np.ndarray, barred: np.ndarray, samples: Samples, level: float) -> np.ndarray:
    """Return samples of air that lead on from the lungs' lower part, and are no airway, bowel or room.

    Args:
        mask: the lungs on the coarse copy.
        barred: coarse voxels that are air of another kind, or too near to it.
        samples: of a box that holds the lungs' lower part.
        level: HU between lung and tissue.

    Returns:
        Boolean, shape of ``samples.fine``.
    """
    heights = np.flatnonzero(mask.any((0, 1)))
    top = int(heights[0] + LOWER * (heights[-1] - heights[0])) + 1 - samples.box[2].start
    lungs, other = (_doubled(part[samples.box][:, :, :top]) for part in (mask, barred))
    free = (samples.fine[:, :, : 2 * top] < level) & ~other
    new = _led_to(lungs, free)
    gas = _bubbles(new, samples.fine[:, :, : 2 * top])
    if gas.any():
        rim = ndimage.binary_dilation(gas, CORNERS, iterations=HALF_THICKNESS + 1)
        new = _led_to(lungs, free & ~(rim & ~lungs))
    edges = np.zeros(samples.fine.shape, dtype=bool)
    edges[:, :, : 2 * top] = new
    return edges


def _bubbles(air: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the inside of what is wide and as dark as gas: the way led through a gap into bowel."""
    labels, count = ndimage.label(ndimage.binary_opening(air, iterations=HALF_THICKNESS))
    dark = [False, *(ndimage.median(values, labels, range(1, count + 1)) < LIGHTEST_LUNG)]
    return np.array(dark)[labels]


def _led_to(lungs: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return what is free and joined to the lungs, without them."""
    return ndimage.binary_propagation(lungs, CORNERS, mask=free | lungs) & ~lungs


def _doubled(mask: np.ndarray) -> np.ndarray:
    """Repeat each coarse voxel for its eight samples."""
    for axis in range(3):
        mask = np.repeat(mask, 2, axis)
    return mask
