"""A volume as a file holds it, before anybody turns it."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Volume"]


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels in the order of the file, and what is known of them.

    Attributes:
        voxels: three-dimensional; HU, unless ``hounsfield`` says otherwise.
        affine: ``(4, 4)``, voxel to world in mm (RAS+).
        flags: what a reader of the result should know.
        hounsfield: lowest and highest HU that the voxels can show, where they come from a display
            window; None where they are not limited.
        patient: id of a DICOM patient, only to be turned into a key; empty elsewhere.
    """

    voxels: np.ndarray
    affine: np.ndarray
    flags: tuple[str, ...] = ()
    hounsfield: tuple[float, float] | None = None
    patient: str = field(default="", repr=False)
