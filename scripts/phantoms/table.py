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
    _, front, right = acquisition.axes
    top = acquisition.table + BOW * (right / HALF_WIDTH) ** 2
    under = top[None, :] - front[:, None]  # mm below the couch's top, (A, R)
    within = np.maximum(np.abs(under - HEIGHT / 2) - HEIGHT / 2, np.abs(right)[None, :] - HALF_WIDTH)
    width = acquisition.blur
    outer = np.clip(0.5 - within / width, 0, 1)
    inner = np.clip(0.5 - (within + THICKNESS) / width, 0, 1)
    couch = -1000 + (outer - inner) * (SHELL + 1000) + inner * (FOAM + 1000)
    np.maximum(hounsfield, couch.astype(np.float32), out=hounsfield)
