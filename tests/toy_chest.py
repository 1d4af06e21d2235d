"""A chest of a few ellipsoids, defined in the world and drawn on any voxels: no resampling is in it."""

import itertools

import nibabel
import numpy as np

LUNGS = {"right": (70, 0, 0), "left": (-70, 5, 0)}  # centres in mm, RAS+
LUNG_RADII = (55, 80, 110)  # mm
SIZE = (360.0, 270.0, 300.0)  # mm of the usual field of view along R, A, S, centred on the origin


def affine_of(spacing, size=SIZE, centre=(0, 0, 0)):
    """Return shape and RAS affine of voxels of a spacing that fill a field of view."""
    shape = np.round(np.array(size) / spacing).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = np.array(centre) - (shape - 1) / 2 * np.array(spacing)
    return tuple(int(n) for n in shape), affine


def draw(shape, affine, noise=12.0, consolidated=(), cushion=True, lungs=True, bubble=False):
    """Return HU as int16; `consolidated` lists (centre, radius) of balls of 30 HU; `affine` is diagonal."""
    axes = [np.float32(affine[a, a] * np.arange(shape[a]) + affine[a, 3]) for a in range(3)]
    hounsfield = np.full(shape, -1000, dtype=np.float32)

    def ellipsoid(value, centre, radii):
        parts = zip(axes, centre, radii, strict=True)
        where = tuple(slice(*np.searchsorted(p, (c - r - 3, c + r + 3))) for p, c, r in parts)
        x, y, z = (((p[w] - c) / r) ** 2 for p, w, c, r in zip(axes, where, centre, radii, strict=True))
        distance = (
            np.sqrt(x[:, None, None] + y[:, None] + z) - 1
        )  # roughly mm, once times the smallest radius
        share = np.clip(0.5 - distance * min(radii) / 3, 0, 1)  # edges 3 mm wide: no scan has sharp ones
        hounsfield[where] += (value - hounsfield[where]) * share

    if cushion:
        ellipsoid(-890, (0, -122, 0), (155, 14, 1e6))
    ellipsoid(40, (0, 0, 0), (165, 112, 1e6))
    ellipsoid(400, (0, -75, 0), (18, 18, 1e6))
    for centre in LUNGS.values() if lungs else ():
        ellipsoid(-850, centre, LUNG_RADII)
    ellipsoid(60, (-35, 30, -45), (50, 45, 50))  # heart
    for centre in itertools.product((45, 75, -90), (-35, 5, 35), (-60, 5, 55)):
        ellipsoid(50, centre, (5, 5, 7))  # vessels
    if bubble:
        ellipsoid(-1000, (-60, 30, -155), (50, 40, 30))  # gas in the stomach, under the diaphragm
    for centre, radius in consolidated:
        ellipsoid(30, centre, (radius,) * 3)
    ellipsoid(-1000, (0, -30, 140), (8, 8, 110))  # trachea
    hounsfield += noise * np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    return np.round(hounsfield).astype(np.int16)


def chest(spacing=(3.1, 2.6, 4.0), size=SIZE, centre=(0, 0, 0), **options):
    """Return HU and affine of the usual toy chest, in RAS+."""
    shape, affine = affine_of(spacing, size, centre)
    return draw(shape, affine, **options), affine


def orientations():
    """Return all 48 ways to permute and flip the axes, as nibabel orientations."""
    return [
        np.stack([order, flips], 1).astype(float)
        for order in itertools.permutations(range(3))
        for flips in itertools.product((1, -1), repeat=3)
    ]


def reoriented(array, affine, orientation):
    """Store the same anatomy in another axis order, copied so that memory follows the new order."""
    turned = np.ascontiguousarray(nibabel.apply_orientation(array, orientation))
    return turned, affine @ nibabel.orientations.inv_ornt_aff(orientation, array.shape)
