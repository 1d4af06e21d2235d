"""Affines of small anisotropic series that lie in the world in any way."""

import nibabel
import numpy as np

SHAPE = (26, 22, 12)
SPACING = (0.9, 1.2, 2.5)


def tilted(degrees):
    """Return a rotation about the patient's left-right axis, then a little about the long one."""
    t, u = np.deg2rad([degrees, degrees / 3])
    about_x = np.array([[1, 0, 0], [0, np.cos(t), -np.sin(t)], [0, np.sin(t), np.cos(t)]])
    about_z = np.array([[np.cos(u), -np.sin(u), 0], [np.sin(u), np.cos(u), 0], [0, 0, 1]])
    return about_z @ about_x


def affine_in(codes, degrees=0.0):
    """Return voxel to world (RAS+) of axes that run towards `codes`, tilted."""
    orientation = nibabel.orientations.axcodes2ornt(codes)
    axes = np.zeros((3, 3))
    for axis, (world, sign) in enumerate(orientation):
        axes[int(world), axis] = sign
    affine = np.eye(4)
    affine[:3, :3] = tilted(degrees) @ axes * SPACING
    affine[:3, 3] = (-31.7, 44.2, -512.3)
    return affine
