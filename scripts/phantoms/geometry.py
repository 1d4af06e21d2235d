"""Implicit shapes on a coarse lattice in the reference chest.

A shape is a field: negative inside, zero on the surface, slope about one (mm) near it. Fields are
smooth, so a lattice of some millimetres holds them, and only the final picture is drawn on the
scan's own voxels. Arrays are ordered ``(S, A, R)``, which is the order of a NIfTI file's bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["FAR", "Frame", "ball", "interpolation", "smooth_minimum", "smooth_noise", "tube"]

Vector = Sequence[float] | np.ndarray

FAR = 60.0  # mm: "nowhere near"
NOISE_EXTENT = 300.0  # mm around the origin within which smooth noise is defined


@dataclass(frozen=True)
class Frame:
    """The lattice: its axes, and the coordinates of its nodes in reference millimetres.

    The origin is the bifurcation of the trachea. ``right``, ``front`` and ``up`` are the coordinates after
    the patient's smooth deformation, each of shape ``(S, A, R)``; ``axes`` are the undeformed ones.
    """

    axes: tuple[np.ndarray, np.ndarray, np.ndarray]
    up: np.ndarray
    front: np.ndarray
    right: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.right.shape

    def box(self, low: np.ndarray, high: np.ndarray) -> tuple[slice, slice, slice]:
        """Return the slices of the lattice between two corners, each ``(right, front, up)`` in mm."""
        ends = zip(self.axes, low[::-1], high[::-1], strict=True)
        return tuple(slice(*np.searchsorted(axis, (a, b))) for axis, a, b in ends)  # type: ignore[return-value]


def interpolation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the matrix that resamples along one axis by Keys' cubic convolution.

    Keys, IEEE TASSP 29(6), 1981, with a = -1/2: it reproduces quadratics, as the shapes here nearly are.

    Args:
        source: evenly spaced positions in mm.
        target: positions in mm; those outside take the border's value.

    Returns:
        Weights, float32, shape ``(len(target), len(source))``.
    """
    at = np.clip((target - source[0]) / (source[1] - source[0]), 0, len(source) - 1)
    first = np.floor(at).astype(int) - 1
    t = (at - first - 1)[:, None]
    cubic = np.array([[0, -0.5, 1, -0.5], [1, 0, -2.5, 1.5], [0, 0.5, 2, -1.5], [0, 0, -0.5, 0.5]])
    taps = (t ** np.arange(4)) @ cubic.T
    matrix = np.zeros((len(target), len(source)), np.float32)
    columns = np.clip(first[:, None] + np.arange(4), 0, len(source) - 1)
    np.add.at(matrix, (np.arange(len(target))[:, None], columns), taps)
    return matrix


def smooth_noise(random: np.random.Generator, axes: Sequence[np.ndarray], wavelength: float) -> np.ndarray:
    """Draw Gaussian noise with a smallest wavelength; the same stream gives the same noise on any lattice.

    Args:
        random: the stream.
        axes: positions along S, A, R in mm, within 300 mm of the origin.
        wavelength: twice the distance of the independent values, mm.

    Returns:
        Noise of about unit variance, float32, shape of the axes.
    """
    nodes = np.arange(-NOISE_EXTENT, NOISE_EXTENT + wavelength, wavelength / 2)
    values = random.standard_normal((len(nodes),) * 3, dtype=np.float32)
    s, a, r = (interpolation(nodes, axis) for axis in axes)
    planes = np.tensordot(s, values, 1)
    return np.float32(1.4) * (a @ planes @ r.T)


def smooth_minimum(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Return the union of two shapes with the crease between them filled over ``blend`` mm."""
    overlap = np.maximum(blend - np.abs(a - b), 0)
    return np.minimum(a, b) - overlap**2 / np.float32(4 * blend)


def ball(field: np.ndarray, frame: Frame, centre: Vector, radii: Vector, blend: float = 1.0) -> None:
    """Join an ellipsoid to a field, in place.

    Args:
        field: the field, ``(S, A, R)``.
        frame: its lattice.
        centre: ``(right, front, up)``, mm.
        radii: along the same axes, mm.
        blend: width of the filled crease, mm.
    """
    middle, radius = np.asarray(centre, np.float32), np.asarray(radii, np.float32)
    box = frame.box(middle - radius - 40, middle + radius + 40)
    squares = [
        ((axis[box] - m) / r) ** 2
        for axis, m, r in zip((frame.right, frame.front, frame.up), middle, radius, strict=True)
    ]
    shape = (np.sqrt(sum(squares)) - 1) * np.float32(radius.min())
    field[box] = smooth_minimum(field[box], shape, blend)


def tube(
    field: np.ndarray, frame: Frame, points: Sequence[Vector], radius: float, blend: float = 1.0
) -> None:
    """Join a tube along a chain of straight pieces to a field, in place.

    Args:
        field: the field, ``(S, A, R)``.
        frame: its lattice.
        points: the chain, each point ``(right, front, up)``, mm.
        radius: of the tube, mm.
        blend: width of the filled crease, mm.
    """
    chain = np.asarray(points, np.float32)
    reach = radius + blend + 16
    for start, end in pairwise(chain):
        box = frame.box(np.minimum(start, end) - reach, np.maximum(start, end) + reach)
        offsets = [axis[box] - s for axis, s in zip((frame.right, frame.front, frame.up), start, strict=True)]
        along = end - start
        t = sum(o * a for o, a in zip(offsets, along, strict=True)) / float(along @ along)
        t = np.clip(t, 0, 1)
        squared = sum((o - t * a) ** 2 for o, a in zip(offsets, along, strict=True))
        shape = (squared - np.float32(radius**2)) / np.float32(2 * radius)  # smooth at the axis
        field[box] = smooth_minimum(field[box], shape, blend)
