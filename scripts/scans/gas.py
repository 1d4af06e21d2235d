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
LIGHTEST_LUNG = -885.0  # HU: three quarters of a bubble are darker, whatever the noise
DARKER = 5.0  # HU below the darker quarter of the lungs, or more
EVEN = 22.0  # HU, standard deviation of the coarse copy within a bubble; lung has vessels, and gravity
WIDEST_LEAK = 3  # erosions of a voxel that a gap in the wall may need to close
SURELY_GAS = -945.0  # HU: no even lung is darker
THINNEST_WALL = -600.0  # HU of the coarse copy, where a wall runs between a bubble and the lung
NOISY = 1.3 * EVEN  # HU, the same where coarse voxels are the scan's own, and average none of its noise
FARTHEST = 40.0  # mm from the inside of a bubble to its farthest fold
WALLS = 11.0  # mm of air beside a bubble that is denser than free air
BENEATH = 0.2  # share of a bubble's columns with lung under it: gas under the diaphragm has none


class Samples:
    """Eight of the scan's own voxels for each coarse one of a box.

    Attributes:
        box: the coarse voxels that are covered.
        fine: the samples, HU, two along each axis for each coarse voxel.
        densest: of each coarse voxel, HU, shape of the box.
        averaged: the scan's voxels that make a coarse one.
    """

    def __init__(self, scan: Scan, box: tuple[slice, slice, slice]) -> None:
        self.box = box
        self.averaged = scan.voxels.size / scan.coarse.voxels.size
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
    dark_lung, lung = np.quantile(values[inside], (0.25, 0.5)).tolist()
    free = inside & (samples.densest < lung + WALL)
    darkest = min(LIGHTEST_LUNG, dark_lung - DARKER)
    voxel = coarse.spacing.prod() / 1000  # mL
    even = NOISY if samples.averaged < 2 else EVEN
    found = np.zeros_like(inside)
    core = free
    for erosions in range(1, WIDEST_LEAK + 1):
        below = np.pad(core, ((0, 0), (0, 0), (1, 0)), mode="edge")  # the scan's end is no wall
        core = ndimage.binary_erosion(below)[:, :, 1:]
        labels, _ = ndimage.label(core)
        bubbles = _bubbles(labels, values, SMALLEST_GAS / voxel, darkest, even)
        if bubbles.any():
            bubbles = _walled(bubbles, labels, inside & ~free, values, erosions + 1)
        if bubbles.any():
            seeds = bubbles[labels]
            found |= _around(seeds, core & ~seeds, free, inside, coarse.spacing)
            core &= ~seeds
        if erosions == 1 and not ndimage.minimum_filter(core & (values < darkest), WIDEST_LEAK).any():
            break
    gas[samples.box] = found
    return gas


def _bubbles(
    labels: np.ndarray, values: np.ndarray, smallest: float, darkest: float, even: float
) -> np.ndarray:
    """Say of each label, from 0 on, whether it is a bubble: large, dark, even, low, and no lung under it."""
    sizes = np.bincount(labels.ravel())
    bubble: np.ndarray = np.zeros(len(sizes), dtype=bool)
    places = ndimage.find_objects(labels)
    for piece in np.flatnonzero(sizes[1:] >= smallest) + 1:
        part = places[piece - 1]
        members = labels[part] == piece
        hounsfield = values[part][members]
        if np.quantile(hounsfield, 0.75) > darkest or hounsfield.std() > even:
            continue
        if part[2].stop == labels.shape[2]:
            continue  # it reaches up into the upper half of the chest
        under = part[0], part[1], slice(part[2].start)
        lung = np.any((labels[under] > 0) & (values[under] > darkest), axis=2, keepdims=True)
        bubble[piece] = lung[members.any(2)].mean() < BENEATH
    return bubble


def _walled(
    bubbles: np.ndarray, labels: np.ndarray, between: np.ndarray, values: np.ndarray, reach: int
) -> np.ndarray:
    """Keep the bubbles that a wall parts from other air, not a vessel or noise: part of a dark, even lung.

    Args:
        bubbles: of each label, whether it may be one.
        labels: pieces of air.
        between: air that is no piece's, for something denser runs through it.
        values: HU of the coarse copy.
        reach: voxels from a piece to the wall.
    """
    kept = bubbles.copy()
    size = 2 * reach + 1
    for piece in np.flatnonzero(bubbles):
        place = ndimage.find_objects((labels == piece).view(np.uint8))[0]
        part = tuple(slice(max(0, along.start - size), along.stop + size) for along in place)
        own = labels[part] == piece
        others = (labels[part] > 0) & ~own & ~bubbles[labels[part]]
        wall = between[part] & ndimage.maximum_filter(own, size) & ndimage.maximum_filter(others, size)
        if wall.any() and np.median(values[part][own]) > SURELY_GAS:
            kept[piece] = np.median(values[part][wall]) > THINNEST_WALL
    return kept


def _around(
    seeds: np.ndarray, others: np.ndarray, free: np.ndarray, inside: np.ndarray, spacing: np.ndarray
) -> np.ndarray:
    """Return what is nearer to the seeds than to the others, along ways first in free air, then in walls."""
    near = tuple(
        slice(max(0, part.start - int(FARTHEST / step)), part.stop + int(FARTHEST / step))
        for part, step in zip(ndimage.find_objects(seeds.view(np.uint8))[0], spacing, strict=True)
    )
    gas, lung = seeds[near].copy(), others[near].copy()
    for way, reach in ((free[near], FARTHEST), (inside[near], WALLS)):
        _grow(gas, lung, way, reach, spacing)
    found = np.zeros_like(seeds)
    found[near] = gas
    return found


def _grow(gas: np.ndarray, lung: np.ndarray, way: np.ndarray, reach: float, spacing: np.ndarray) -> None:
    """Let both grow at one pace by ``reach`` mm along a way, in place, each where the other is not yet."""
    step = spacing.min()
    for number in range(1, int(reach / step) + 1):
        along = [int(number * step / own) > int((number - 1) * step / own) for own in spacing]
        cross = np.zeros((3, 3, 3), dtype=bool)
        for axis in np.flatnonzero(along):
            cross[tuple(slice(None) if axis == k else 1 for k in range(3))] = True
        left = way & ~gas & ~lung
        if not left.any():
            return
        new_gas, new_lung = (ndimage.binary_dilation(part, cross) & left for part in (gas, lung))
        gas |= new_gas & ~new_lung
        lung |= new_lung
