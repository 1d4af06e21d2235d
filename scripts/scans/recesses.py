"""The lungs' thin lower edges, between diaphragm and ribs, in the scan's own voxels."""

import numpy as np
from scipy import ndimage

from .gas import LIGHTEST_LUNG, Samples

__all__ = ["lower_edges"]

LOWER = 0.4  # share of the lungs' height in which thin edges are looked for
WIDTH = 5  # samples of about 1.7 mm: a bubble holds a cube as wide
RIM = 7  # samples, the width of the cube that is barred around each of a bubble
IN_PLANE = np.ones((3, 3, 1), dtype=bool)
CORNERS = np.ones((3, 3, 3), dtype=bool)


def lower_edges(mask: np.ndarray, barred: np.ndarray, samples: Samples, level: float) -> np.ndarray:
    """Return samples of air that lead on from the lungs' lower part, and are no airway, bowel or room.

    What lies within a coarse voxel of the lungs' broad parts is left out: their own surface is found more
    finely there.

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
    fine = samples.fine[:, :, : 2 * top]
    free = (fine < level) & ~other
    edges = np.zeros(samples.fine.shape, dtype=bool)
    new = edges[:, :, : 2 * top]
    new |= _led_to(lungs, free)
    if _bar_bubbles(free, new, fine):
        new[:] = _led_to(lungs, free)
    new &= ~_doubled(_with_its_surface(mask[samples.box][:, :, :top]))
    return edges


def _with_its_surface(mask: np.ndarray) -> np.ndarray:
    """Return a mask with the voxels around it, but for those under its thin parts: there an edge goes on."""
    thin = mask & ~ndimage.binary_opening(mask, IN_PLANE)
    wider = ndimage.maximum_filter(mask, 3)
    wider[:, :, :-1] &= ~thin[:, :, 1:]
    return wider | mask


def _led_to(lungs: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return what is free and joined to the lungs, without them."""
    return ndimage.binary_propagation(lungs, CORNERS, mask=free | lungs) & ~lungs


def _bar_bubbles(free: np.ndarray, new: np.ndarray, fine: np.ndarray) -> bool:
    """Take what is wide and as dark as gas from what is free, in place; say whether there was any.

    The way to it led through a gap in a wall, into bowel.
    """
    places = ndimage.find_objects(new.view(np.uint8))
    if not places:
        return False
    place = tuple(slice(max(0, part.start - RIM), part.stop + RIM) for part in places[0])
    core = ndimage.minimum_filter(new[place], WIDTH, mode="constant")
    if not core.any():
        return False
    wide = ndimage.maximum_filter(core, WIDTH) & new[place]
    labels, count = ndimage.label(wide)
    members, values = labels[wide], fine[place][wide]
    gas = [False] + [bool(np.median(values[members == k]) < LIGHTEST_LUNG) for k in range(1, count + 1)]
    if not any(gas):
        return False
    free[place] &= ~ndimage.maximum_filter(np.array(gas)[labels], RIM)
    return True


def _doubled(mask: np.ndarray) -> np.ndarray:
    """Repeat each coarse voxel for its eight samples."""
    for axis in range(3):
        mask = np.repeat(mask, 2, axis)
    return mask
