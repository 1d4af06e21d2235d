"""A scan in canonical orientation, and its coarse copy."""

from dataclasses import dataclass
from functools import cached_property

import nibabel
import numpy as np

from .resampling import resample

__all__ = ["AIR", "COARSE_SPACING", "Scan"]

AIR = -1024.0  # HU: what lies outside a scan; scanners pad with it or with less
COARSE_SPACING = 3.5  # mm: fine enough for a lung's box


@dataclass(frozen=True, eq=False)
class Scan:
    """A CT volume whose axes run, but for a tilt, to the patient's right, to the front and up.

    Attributes:
        voxels: HU, shape ``(R, A, S)``; a view on the scan as it was read, not a copy.
        affine: ``(4, 4)``, voxel to world in mm (RAS+).
        name: the scan as the user named it, for messages.
        lobes: path of a mask of its lobes, where the user gave one.
    """

    voxels: np.ndarray
    affine: np.ndarray
    name: str = "scan"
    lobes: str | None = None

    @classmethod
    def from_array(cls, array: np.ndarray, affine: np.ndarray, name: str = "scan") -> "Scan":
        """View an array of any orientation in the closest canonical one: axes permuted and flipped, no copy.

        Args:
            array: HU, three-dimensional, any axis order.
            affine: ``(4, 4)``, voxel of ``array`` to world in mm (RAS+).
            name: for messages.
        """
        orientation = nibabel.io_orientation(affine)
        to_array = nibabel.orientations.inv_ornt_aff(orientation, array.shape)
        return cls(nibabel.apply_orientation(array, orientation), affine @ to_array, name)

    @property
    def spacing(self) -> np.ndarray:
        """Distance of neighbouring voxels along R, A, S in mm, shape ``(3,)``."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @cached_property
    def coarse(self) -> "Scan":
        """The whole scan at about :data:`COARSE_SPACING`, nowhere below AIR; a coarser axis keeps its voxels.

        Its voxels average those of the scan, of which two or more are read along each axis: enough to
        quiet the noise, a fraction of the reading.
        """
        shape = np.array(self.voxels.shape)
        stride = np.maximum(1, COARSE_SPACING / 2 // self.spacing).astype(int)
        wanted = np.maximum(1, np.round(shape * self.spacing / COARSE_SPACING))
        coarse_shape = np.minimum(shape, wanted).astype(int)
        low, high = np.full(3, -0.5), shape - 0.5
        sparse = self.voxels[:: stride[0], :: stride[1], :: stride[2]]
        voxels = resample(sparse, low / stride, high / stride, coarse_shape, fill=AIR, floor=AIR)
        return Scan(voxels.numpy(), self.affine @ box_affine(low, high, coarse_shape), self.name)


def box_affine(low: np.ndarray, high: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Return the affine from the voxels of a grid over a box to the voxels that the box is given in.

    Grid voxel i of n has its centre at ``low + (i + 0.5) * (high - low) / n``.

    Args:
        low: lower faces of the box along R, A, S.
        high: upper faces.
        shape: voxels of the grid along R, A, S.
    """
    step = (np.asarray(high) - low) / shape
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = low + step / 2
    return affine
