"""The couch under the patient."""

import numpy as np

from .acquisition import Acquisition

__all__ = ["add_table"]

SHELL, FOAM = -250.0, -940.0  # HU
THICKNESS, HEIGHT, HALF_WIDTH, BOW = 3.0, 32.0, 205.0, 26.0  # mm


def add_table(hounsfield: np.ndarray, acquisition: Acquisition) -> None:
    """Draw the bowed couch, a thin shell around foam, behind whatever is already there; in place.

    Args:
        hounsfield: the scan, HU, ``(S, A, R)``.
        acquisition: voxels, and the height of the couch's top in mm.
    """
    up, front, right = acquisition.axes
    sag, roll = np.tan(np.deg2rad(acquisition.tilt))
    width = acquisition.blur
    top = acquisition.table + BOW * (right / HALF_WIDTH) ** 2
    low = abs(sag) * np.ptp(up) / 2 + abs(roll) * HALF_WIDTH  # so that no end of it rises into the body
    sides = np.abs(right)[None, :] - HALF_WIDTH
    planes: np.ndarray | list[np.ndarray] = hounsfield if sag else [hounsfield]
    for plane, height in zip(planes, up - up.mean(), strict=False):
        under = (top + roll * right + sag * height - low)[None, :] - front[
            :, None
        ]  # mm below the top, (A, R)
        within = np.maximum(np.abs(under - HEIGHT / 2) - HEIGHT / 2, sides)
        outer = np.clip(0.5 - within / width, 0, 1)
        inner = np.clip(0.5 - (within + THICKNESS) / width, 0, 1)
        couch = -1000 + (outer - inner) * (SHELL + 1000) + inner * (FOAM + 1000)
        np.maximum(plane, couch.astype(np.float32), out=plane)
