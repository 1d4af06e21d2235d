"""Scans on disk -> HU and the affine to the world, whatever the file format."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import ensure_tuple
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from .dicom import read_series
from .finding import is_dicom_folder, is_itk, is_nifti
from .refusal import RefusedScan

__all__ = ["ScanReader"]

DAMAGED = (OSError, EOFError, ValueError, RuntimeError, zlib.error, ImageFileError, HeaderDataError)
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


class ScanReader(ImageReader):
    """Read NIfTI, NRRD, MetaImage and a DICOM series folder in HU, for ``monai.transforms.LoadImaged``.

    Use it as ``LoadImaged("image", reader=ScanReader(), ensure_channel_first=True, dtype=None)``: the image
    keeps its integer type and its order in memory, and its affine maps voxels to world mm (RAS+).

    ``read`` only passes the path on and ``get_data`` does the work: where a reader's ``read`` raises,
    LoadImage tries its other readers, and what was refused for a reason would come back without it.

    Raises:
        RefusedScan: in ``get_data``, for what is missing, damaged, not three-dimensional, not one series.
    """

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        return True

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: Any) -> Path:
        paths = list(ensure_tuple(data))
        if len(paths) != 1:
            raise ValueError(f"expected one file or folder for one scan, got {len(paths)}")
        return Path(paths[0])

    def get_data(self, img: Path) -> tuple[Any, dict[str, Any]]:
        voxels, affine = _read(img)
        if voxels.ndim != 3:
            raise RefusedScan(
                "not_three_dimensional",
                str(img),
                f"shape {voxels.shape}; expected one volume of three dimensions; split it into volumes",
            )
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
            raise RefusedScan(
                "bad_geometry",
                str(img),
                "its affine is not invertible; expected spacing and orientation in mm",
            )
        meta = {
            "affine": affine,
            "original_affine": affine.copy(),
            "spatial_shape": np.array(voxels.shape),
            "original_channel_dim": "no_channel",
            "space": "RAS",
        }
        return torch.from_numpy(voxels), meta


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if not path.exists():
        raise RefusedScan("not_found", str(path), "no such file or folder; check the path")
    if path.is_dir():
        if not is_dicom_folder(path):
            raise RefusedScan(
                "not_found", str(path), "no scan in this folder; expected DICOM, NIfTI, NRRD or MHA"
            )
        voxels, affine = read_series(path)
        return _plain(voxels, path), LPS_TO_RAS @ affine
    try:
        if is_nifti(path):
            voxels, affine = _read_nifti(path)
        elif is_itk(path):
            voxels, affine = _read_itk(path)
        else:
            raise RefusedScan(
                "unsupported",
                str(path),
                "not a format read here; expected NIfTI, NRRD, MHA/MHD or a DICOM folder",
            )
    except RefusedScan:
        raise
    except DAMAGED as error:
        reason = str(error).strip().splitlines()
        raise RefusedScan(
            "unreadable",
            str(path),
            f"could not be read ({reason[-1] if reason else error!r}); is the file complete?",
        ) from error
    return _plain(voxels, path), affine


def _read_nifti(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image: Any = nibabel.load(path)
    proxy = image.dataobj
    if (proxy.slope, proxy.inter) == (1, 0):
        voxels = proxy.get_unscaled()
    else:
        voxels = np.asarray(proxy, dtype=np.float32)
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    return voxels, image.affine


def _read_itk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    image = sitk.ReadImage(str(path))
    voxels = sitk.GetArrayFromImage(image).T
    if image.GetDimension() != 3:
        return voxels, np.eye(4)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return voxels, LPS_TO_RAS @ affine


def _plain(voxels: np.ndarray, path: Path) -> np.ndarray:
    """Return the voxels in a type that torch has, in the machine's byte order; int16 stays as it is."""
    kind, size = voxels.dtype.kind, voxels.dtype.itemsize
    if kind not in "iufb":
        raise RefusedScan(
            "not_hounsfield", str(path), f"voxels are {voxels.dtype}; expected one number a voxel, in HU"
        )
    if kind == "f":
        wanted: type = np.float32
    elif size < 2 or (kind == "i" and size == 2):
        wanted = np.int16
    else:
        wanted = np.int32
    return voxels.astype(wanted, copy=False)
