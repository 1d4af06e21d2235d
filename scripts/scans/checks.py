"""Refuse what is not CT in HU, by what HU means."""

import numpy as np

from .refusal import RefusedScan
from .scan import AIR, Scan

__all__ = ["check_hounsfield", "check_shape"]

FEWEST_VOXELS = 8  # along each axis
FEWEST_VALUES = 64  # distinct values in a sample of the voxels: a mask has fewer, noise makes more
LUNG_AND_AIR = -500.0  # HU: aerated lung and the room's air lie below
SPARSE = 0.02  # of the plane with most that is denser than lung: a table or a tube
NEAR_AIR = (-1060.0, -850.0)  # HU: where air lies, with its noise
DARKEST = -1500.0  # HU: below lies only what fills the corners beside a round field of view
LEAST_AIR = 0.001  # share of the scan: a trachea in a narrow field of view is as much
SOFT_TISSUE = (-200.0, 200.0)  # HU: fat, water, muscle, blood, enhanced vessels


def check_shape(shape: tuple[int, ...], name: str) -> None:
    """Refuse what is not a volume.

    Args:
        shape: of the array, without channels.
        name: of the scan, for the message.

    Raises:
        RefusedScan: ``not_three_dimensional`` or ``too_few_slices``.
    """
    if len(shape) != 3:
        raise RefusedScan(
            "not_three_dimensional", name, f"shape {shape}; expected one volume of three dimensions"
        )
    if min(shape) < FEWEST_VOXELS:
        raise RefusedScan(
            "too_few_slices",
            name,
            f"shape {shape}; expected at least {FEWEST_VOXELS} slices, the series of a whole chest",
        )


def check_hounsfield(scan: Scan, rescaled: bool = True) -> None:
    """Refuse voxels that are constant, non-finite, a mask, or grey levels other than HU.

    In HU air is -1000 and water 0 by definition, so in a chest CT at least a tenth of the box around the body
    is lung or air below :data:`LUNG_AND_AIR`, and at least a tenth is soft tissue, however much air there is
    around that box. And air is at -1000: a rescale slope that is wrong by a fifth puts it elsewhere.

    Args:
        scan: to look at.
        rescaled: whether a rescale made its HU, and not a declared display window, which clips air.

    Raises:
        RefusedScan: ``non_finite``, ``constant``, ``mask`` or ``not_hounsfield``.
    """
    voxels, coarse = scan.voxels, scan.coarse.voxels
    if voxels.dtype.kind == "f" and not np.isfinite([voxels.min(), voxels.max()]).all():
        raise RefusedScan(
            "non_finite", scan.name, "voxels that are NaN or infinite; expected HU; save it anew"
        )
    step = np.maximum(1, np.array(voxels.shape) // 64)
    sample = voxels[:: step[0], :: step[1], :: step[2]]
    values = len(np.unique(sample))
    low, high = float(coarse.min()), float(coarse.max())
    if values == 1 and high - low < 1:
        raise RefusedScan("constant", scan.name, f"all voxels are about {low:g}; expected a chest CT in HU")
    if values < FEWEST_VALUES:
        raise RefusedScan(
            "mask",
            scan.name,
            f"only {values} distinct values, from {low:g} to {high:g}, as in a mask; expected a CT",
        )
    body = coarse[_body_box(coarse)]
    air = float((body < LUNG_AND_AIR).mean())
    tissue = float(((body > SOFT_TISSUE[0]) & (body < SOFT_TISSUE[1])).mean())
    if air < 0.1 or tissue < 0.1:
        raise RefusedScan(
            "not_hounsfield",
            scan.name,
            f"values from {low:g} to {high:g}, {air:.0%} below {LUNG_AND_AIR:g} (lung, air) and {tissue:.0%} "
            f"near 0 (soft tissue); expected HU; export it with its rescale slope and intercept and without "
            f"a display window",
        )
    own = sample[(sample != AIR) & (sample != sample.min())]  # without what fills the corners
    near = float(((own > NEAR_AIR[0]) & (own < NEAR_AIR[1])).sum()) / sample.size
    too_dark = float(((own > DARKEST) & (own <= NEAR_AIR[0])).sum()) / sample.size
    if rescaled and (near < LEAST_AIR or too_dark > near):
        raise RefusedScan(
            "not_hounsfield",
            scan.name,
            f"{near:.1%} of it is air near -1000, and {too_dark:.1%} is darker than air; expected HU; is the "
            f"rescale slope right?",
        )


def _body_box(voxels: np.ndarray) -> tuple[slice, ...]:
    """Return the box around what is denser than lung, without planes that hold next to none of it."""
    dense = voxels > LUNG_AND_AIR
    box = []
    for axis in range(3):
        counts = dense.sum(tuple(other for other in range(3) if other != axis))
        planes = np.flatnonzero(counts >= SPARSE * counts.max())
        box.append(slice(planes[0], planes[-1] + 1))
    return tuple(box)
