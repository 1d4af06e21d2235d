"""Planes of a volume as a radiologist looks at them.

The patient's right is on the left of the picture, anterior and head are up (anterior left in the sagittal
plane), and millimetres are true.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["PLANES", "plane_of", "show_plane"]

PLANES = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}  # axes (R, A, S) across and up the picture
Positions = Sequence[np.ndarray]


def plane_of(
    voxels: np.ndarray, positions: Positions, plane: tuple[int, int], at: Sequence[float] | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the positions across and up, and the voxels of the plane nearest to a place, rows running up.

    Args:
        voxels: shape ``(R, A, S)``.
        positions: of the voxels' centres along R, A and S, in mm.
        plane: a value of :data:`PLANES`.
        at: the place, along R, A and S, in mm.
    """
    across, up = plane
    through = 3 - across - up
    index = int(np.abs(positions[through] - at[through]).argmin())
    return positions[across], positions[up], np.take(voxels, index, axis=through).T


def show_plane(
    axes: Any,
    voxels: np.ndarray,
    positions: Positions,
    plane: tuple[int, int],
    at: Sequence[float] | np.ndarray,
    alpha: np.ndarray | None = None,
    **appearance: Any,
) -> Any:
    """Draw a plane and set the axes' limits to it.

    Args:
        axes: of matplotlib.
        voxels: shape ``(R, A, S)``.
        positions: as in :func:`plane_of`.
        plane: as there.
        at: as there.
        alpha: opacity, of the shape of ``voxels``.
        appearance: further arguments of ``imshow``, e.g. ``cmap``.

    Returns:
        The picture, for a colour bar.
    """
    across, up, picture = plane_of(voxels, positions, plane, at)
    if alpha is not None:
        appearance["alpha"] = plane_of(alpha, positions, plane, at)[2]
    edges = (*_edges(across), *_edges(up))
    shown = axes.imshow(picture, origin="lower", extent=edges, aspect="equal", **appearance)
    axes.set_xlim(edges[1], edges[0])  # R and A grow to the left of the picture
    axes.set_ylim(edges[2], edges[3])
    axes.set_axis_off()
    return shown


def _edges(positions: np.ndarray) -> tuple[float, float]:
    half = (positions[1] - positions[0]) / 2 if len(positions) > 1 else 0.5
    return float(positions[0] - half), float(positions[-1] + half)
