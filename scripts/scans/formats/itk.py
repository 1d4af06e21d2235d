"""NRRD and MetaImage -> a volume."""

from pathlib import Path

import numpy as np

from ..limits import check_voxels
from ..scan import Volume

__all__ = ["LPS_TO_RAS", "read_itk"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_itk(path: Path, name: str) -> Volume:
    """Read a file by SimpleITK; the voxels keep their type.

    Args:
        path: ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd``.
        name: of the scan, for messages.

    Raises:
        RefusedScan: ``too_large``.
    """
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    check_voxels(reader.GetSize(), name)
    image = reader.Execute()
    voxels = sitk.GetArrayFromImage(image).T
    if image.GetDimension() != 3:
        return Volume(voxels, np.eye(4))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return Volume(voxels, LPS_TO_RAS @ affine)
