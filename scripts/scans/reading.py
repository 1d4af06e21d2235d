"""Scans on disk -> HU and the affine to the world, whatever the file format."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import ensure_tuple
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from .declarable import LARGEST_SPACING, SMALLEST_SPACING
from .declaration import Declaration
from .formats import read_dicom, read_itk, read_nifti, read_pictures
from .grey import grey_to_hounsfield
from .kinds import is_itk, is_nifti, is_picture, is_zip
from .refusal import RefusedScan
from .slice_files import dicom_files, slice_files
from .volume import Volume
from .zip_paths import split_zip_path

__all__ = ["ScanReader", "read_scan"]

DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    zlib.error,
    ImageFileError,
    HeaderDataError,
    WrapStructError,
)


def read_scan(path: str | Path, declared: Declaration | None = None, name: str | None = None) -> Volume:
    """Read a scan: NIfTI, NRRD, MetaImage, or a folder or zip of DICOM, PNG or JPG slices.

    Args:
        path: a file, a folder, ``archive.zip::folder``, or a zip that holds one scan.
        declared: what the scan does not say of itself.
        name: of the scan, for messages; the path by default.

    Returns:
        The volume in HU, in a number type that torch has: int16 stays as it is. Flags: ``windowed``,
        ``spacing_assumed``, ``orientation_assumed``, ``geometry_declared``, ``sharp_kernel``.

    Raises:
        RefusedScan: it is missing, damaged, not three-dimensional, not one series, not in HU. The message
            says nothing that a library says of it: that may repeat a header or a path.
    """
    path, declared, name = str(path), declared or Declaration(), name or str(path)
    try:
        volume = _read(path, declared, name)
    except RefusedScan:
        raise
    except DAMAGED as error:
        raise RefusedScan(
            "unreadable", name, f"could not be read ({type(error).__name__}); is the file whole?"
        ) from error
    if volume.voxels.ndim != 3:
        raise RefusedScan(
            "not_three_dimensional",
            name,
            f"shape {volume.voxels.shape}; expected one volume of three dimensions; split it into volumes",
        )
    if 0 in volume.voxels.shape:
        raise RefusedScan("not_three_dimensional", name, f"shape {volume.voxels.shape}; it holds no voxel")
    volume = _placed(volume, declared, name)
    if declared.window:
        volume = grey_to_hounsfield(volume, declared, name)
    return replace(volume, voxels=_plain(volume.voxels, name))


class ScanReader(ImageReader):
    """:func:`read_scan` as a reader for ``monai.transforms.LoadImaged``, of scans that need no declaration.

    Use it as ``LoadImaged("image", reader=ScanReader(), ensure_channel_first=True, dtype=None)``: the image
    keeps its integer type and its order in memory, and its affine maps voxels to world mm (RAS+).

    ``read`` only passes the path on and ``get_data`` does the work: where a reader's ``read`` raises,
    LoadImage tries its other readers, and what was refused for a reason would come back without it.

    Raises:
        RefusedScan: in ``get_data``.
    """

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        return True

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: Any) -> Path:
        paths = list(ensure_tuple(data))
        if len(paths) != 1:
            raise ValueError(f"expected one file or folder for one scan, got {len(paths)}")
        return Path(paths[0])

    def get_data(self, img: Path) -> tuple[Any, dict[str, Any]]:
        volume = read_scan(img)
        meta = {
            "affine": volume.affine,
            "original_affine": volume.affine.copy(),
            "spatial_shape": np.array(volume.voxels.shape),
            "original_channel_dim": "no_channel",
            "space": "RAS",
        }
        return torch.from_numpy(volume.voxels), meta


def _read(path: str, declared: Declaration, name: str) -> Volume:
    file = Path(split_zip_path(path)[0])
    if not file.exists():
        raise RefusedScan("not_found", name, "no such file or folder; check the path")
    if not (file.is_file() or file.is_dir()):
        raise RefusedScan("unsupported", name, "neither a file nor a folder; expected a scan")
    if file.is_file() and file.stat().st_size == 0:
        raise RefusedScan("empty_file", name, "a file of 0 bytes; copy or download it again")
    if file.is_file() and is_nifti(file.name):
        return read_nifti(file, name)
    if file.is_file() and is_itk(file.name):
        return read_itk(file, name)
    files = slice_files(path, declared, name)
    dicom = dicom_files(files)
    pictures = [slice_ for slice_ in files if is_picture(slice_.base_name)]
    if dicom:
        return read_dicom(dicom, declared, name)
    if pictures:
        return read_pictures(pictures, declared, name)
    raise RefusedScan(
        "unsupported" if file.is_file() and not is_zip(file.name) else "not_found",
        name,
        "no scan here; expected NIfTI, NRRD, MHA/MHD, or a folder or zip of DICOM, PNG or JPG slices",
    )


def _placed(volume: Volume, declared: Declaration, name: str) -> Volume:
    """Put the declared geometry in place of the file's, and refuse one that is none."""
    affine = declared.affine(volume.voxels.shape, volume.affine)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    regular = np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-6
    if not regular or not ((spacing >= SMALLEST_SPACING) & (spacing <= LARGEST_SPACING)).all():
        raise RefusedScan(
            "bad_geometry",
            name,
            f"spacing {np.round(spacing, 4).tolist()} mm, or axes that do not span space; expected spacing "
            f"and orientation in mm, {SMALLEST_SPACING} to {LARGEST_SPACING:g} mm",
        )
    flags = volume.flags
    if not np.allclose(affine, volume.affine):
        flags = (
            *(flag for flag in flags if flag != "orientation_assumed" or not declared.orientation),
            "geometry_declared",
        )
    return replace(volume, affine=affine, flags=flags)


def _plain(voxels: np.ndarray, name: str) -> np.ndarray:
    """Return the voxels in a type that torch has, in the machine's byte order; int16 stays as it is."""
    kind, size = voxels.dtype.kind, voxels.dtype.itemsize
    if kind not in "iufb":
        raise RefusedScan(
            "not_hounsfield", name, f"voxels are {voxels.dtype}; expected one number a voxel, in HU"
        )
    if kind == "f":
        wanted: type = np.float32
    elif size < 2 or (kind == "i" and size == 2):
        wanted = np.int16
    else:
        wanted = np.int32
    return voxels.astype(wanted, copy=False)
