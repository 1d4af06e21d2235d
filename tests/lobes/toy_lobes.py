"""Lobes of boxes in the world, drawn on any voxels, and the truth that they are."""

import numpy as np

SHAPE, SPACING = (44, 34, 30), (6.1, 5.3, 8.7)  # anisotropic and not a cube: 268 x 180 x 261 mm
FIRST = (-130.0, -80.0, 30.0)  # world mm of the first voxel's centre


def affine():
    matrix = np.diag([*SPACING, 1.0])
    matrix[:3, 3] = FIRST
    return matrix


def lobes_at(x, y, z):
    """Label points of the world: two lungs with slanted fissures, one on the left, two on the right."""
    right, left = (x > 12) & (x < 110), (x < -8) & (x > -105)
    inside = (right | left) & (np.abs(y) < 70) & (z > 60) & (z < 270)
    above = z > 165 - 0.6 * y
    upper = z > 175
    right_labels = np.where(above, np.where(upper, 3, 4), 5)
    return np.where(inside, np.where(left, np.where(above, 1, 2), right_labels), 0).astype(np.uint8)


def labels(matrix, shape):
    """Draw them on RAS voxels of a diagonal affine."""
    axes = (matrix[a, a] * np.arange(shape[a]) + matrix[a, 3] for a in range(3))
    return lobes_at(*np.meshgrid(*axes, indexing="ij"))
