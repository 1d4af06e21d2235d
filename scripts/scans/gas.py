"""Gas in stomach and bowel, or free in the chest, that only a thin wall parts from the lungs.

On the coarse copy such a wall drowns in the air on both sides of it. It shows in the scan's own voxels. Of
these, two are read for each coarse one along each axis: the densest of the eight that lie in a coarse voxel
tells whether a wall runs through it.
"""

import numpy as np
from scipy import ndimage

from .scan import Scan

__all__ = ["Samples", "glued_gas"]

WALL = 200.0  # HU denser than the lung: a wall, or a vessel
SMALLEST_GAS = 3.0  # mL, of a bubble's inside
LIGHTEST_LUNG = -885.0  # HU: nearly all of a bubble is darker
EVEN = 22.0  # HU, standard deviation of the coarse copy within a bubble; lung has vessels, and gravity
WIDEST_LEAK = 3  # erosions of a voxel that a gap in the wall may need to close
BENEATH = 0.2  # share of a bubble's columns with lung under it: gas under the diaphragm has none


class Samples:
    """Eight of the scan's own voxels for each coarse one of a box.

    Attributes:
        box: the coarse voxels that are covered.
        fine: the samples, HU, two along each axis for each coarse voxel.
        densest: of each coarse voxel, HU, shape of the box.
    """

    def __init__(self, scan: Scan, box: tuple[slice, slice, slice]) -> None:
        self.box = box
        at = []
        for size, coarse_size, part in zip(scan.voxels.shape, scan.coarse.voxels.shape, box, strict=True):
            half = np.arange(2 * part.start, 2 * part.stop) + 0.5
            at.append(np.minimum(half * size / (2 * coarse_size), size - 1).astype(int))
        self.fine = scan.voxels[np.ix_(*at)]
        self.densest = self.fine
        for axis in range(3):
            along = np.moveaxis(self.densest, axis, 0)
            self.densest = np.moveaxis(np.maximum(along[::2], along[1::2]), 0, axis)

    def positions(self, mask: np.ndarray) -> np.ndarray:
        """Return where samples lie, ``(points, 3)`` in coarse voxels."""
        start = np.array([part.start for part in self.box])
        return (np.argwhere(mask) + 0.5) / 2 - 0.5 + start


def glued_gas(air: np.ndarray, samples: Samples, coarse: Scan) -> np.ndarray:
    """Return the part of the air that is gas in a bubble of its own, below the lungs or before them.

    Where walls are taken for tissue the air falls into pieces. Gaps in a wall, between two slices, close
    when the pieces are eroded. A piece is gas if it is darker than lung, even throughout, and without lung
    under it. What lies near a bubble, and nearer than to any other piece, goes with it.

    Args:
        air: lung and what is glued to it, shape of ``coarse.voxels``.
        samples: of a box that holds the air.
        coarse: the coarse copy.
    """
    inside, values = air[samples.box], coarse.voxels[samples.box]
    gas = np.zeros_like(air)
    if not inside.any():
        return gas
    free = inside & (samples.densest < np.median(values[inside]) + WALL)
    voxel = coarse.spacing.prod() / 1000  # mL
    found = np.zeros_like(inside)
    core = free
    for erosions in range(1, WIDEST_LEAK + 1):
        core = ndimage.binary_erosion(core)
        labels, count = ndimage.label(core)
        bubbles = _bubbles(labels, count, values, SMALLEST_GAS / voxel)
        if bubbles.any():
            seeds = bubbles[labels]
            found |= _around(seeds, core & ~seeds, inside, erosions + 1)
            core &= ~seeds
        if erosions == 1 and not ndimage.minimum_filter(core & (values < LIGHTEST_LUNG), WIDEST_LEAK).any():
            break
    gas[samples.box] = found
    return gas


def _bubbles(labels: np.ndarray, count: int, values: np.ndarray, smallest: float) -> np.ndarray:
    """Say of each label whether it is a bubble."""
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    bubble = np.zeros(count + 1, dtype=bool)
    places = ndimage.find_objects(labels)
    for piece in np.flatnonzero(sizes[1:] >= smallest) + 1:
        part = places[piece - 1]
        members = labels[part] == piece
        hounsfield = values[part][members]
        if np.quantile(hounsfield, 0.9) > LIGHTEST_LUNG or hounsfield.std() > EVEN:
            continue
        columns = members.any(2)
        under = labels[part[0], part[1], : part[2].start]
        lung = ((under > 0) & (sizes[under] > smallest) & (under != piece)).any(2)
        bubble[piece] = lung[columns].mean() < BENEATH
    return bubble


def _around(seeds: np.ndarray, others: np.ndarray, inside: np.ndarray, reach: int) -> np.ndarray:
    """Return what lies within some voxels of the seeds and nearer to them than to the others."""
    near = ndimage.binary_dilation(seeds, iterations=2 * reach, mask=inside | seeds)
    if not others.any():
        return near
    place = ndimage.find_objects(near.astype(np.uint8))[0]
    to_seeds = ndimage.distance_transform_edt(~seeds[place])
    to_others = ndimage.distance_transform_edt(~others[place])
    near[place] &= (to_seeds < to_others) & (to_seeds <= 2 * reach)
    return near
