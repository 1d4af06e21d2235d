"""Scans on disk or in memory -> HU and the affine to the world, whatever the file format."""

import zipfile
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

from .checks import check_hounsfield, check_shape
from .declarable import LARGEST_SPACING, SMALLEST_SPACING
from .declaration import Declaration
from .files import GZIP, ScanFile, shown
from .flags import geometry_flags
from .formats import DICOM, FORMATS, PICTURES, dicom_order, formats_of
from .grey import check_window, grey_to_hounsfield
from .refusal import RefusedScan
from .scan import Scan, Volume
from .sources import source_files
from .zips import split_zip_path

__all__ = ["ScanReader", "read_checked_scan", "read_scan", "series_files"]

ScanSource = str | Path | tuple[Any, Any]  # of a scan: its path, or an array in HU with its affine
APPLE_DOUBLE = b"\x00\x05\x16\x07"  # what macOS leaves beside a file as ._FILE
TEXT = bytes({*range(32, 127), 9, 10, 13})
DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    MemoryError,
    zlib.error,
    zipfile.BadZipFile,
    ImageFileError,
    HeaderDataError,
    WrapStructError,
)


def read_scan(source: ScanSource, declared: Declaration | None = None, name: str | None = None) -> Volume:
    """Read a scan in any of :data:`~scripts.scans.formats.FORMATS`.

    Args:
        source: a file, a folder, ``archive.zip::folder``, ``archive.zip::folder/file``, or a zip that holds
            one scan; or an array in HU of three dimensions and its affine to world mm (RAS+), ``(4, 4)``.
        declared: what the scan does not say of itself.
        name: of the scan, for messages; the path by default.

    Returns:
        The volume in HU, in a number type that torch has: int16 stays as it is. Flags: ``windowed``,
        ``spacing_assumed``, ``orientation_assumed``, ``geometry_declared``, ``sharp_kernel``,
        ``rescale_assumed``, ``files_not_read``.

    Raises:
        RefusedScan: it is missing, damaged, not three-dimensional, not one series, not in HU. The message
            says nothing that a library says of it: that may repeat a header or a path.
    """
    declared = declared or Declaration()
    name = name or (shown(str(source)) if isinstance(source, str | Path) else "array")
    try:
        path = source if isinstance(source, tuple) else str(source)
        volume = _given(path, name) if isinstance(path, tuple) else _read(path, declared, name)
    except RefusedScan:
        raise
    except MemoryError as error:
        raise RefusedScan(
            "too_large", name, "reading it needs more memory than there is; is the header damaged?"
        ) from error
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


def read_checked_scan(
    source: ScanSource,
    declared: Declaration | None = None,
    name: str | None = None,
    window: tuple[float, float] | None = None,
) -> tuple[Scan, tuple[str, ...]]:
    """Read a scan and check that it is a volume in HU, for programs that work without MONAI's transforms.

    Args:
        source: as in :func:`read_scan`.
        declared: as there.
        name: as there.
        window: ``(level, width)`` in HU that will be looked at; a declared display window must cover it.

    Returns:
        The scan, and the flags of its file and of its geometry.

    Raises:
        RefusedScan: it cannot be read, or is no CT in HU.
    """
    volume = read_scan(source, declared, name)
    name = name or (shown(str(source)) if isinstance(source, str | Path) else "array")
    scan = Scan.from_array(volume.voxels, volume.affine, name)
    check_shape(scan.voxels.shape, scan.name)
    if window is not None:
        check_window(volume.hounsfield, window, scan.name)
    check_hounsfield(scan, rescaled=volume.hounsfield is None)
    return scan, (*volume.flags, *geometry_flags(scan, volume.flags))


def series_files(
    path: str | Path, declared: Declaration | None = None, name: str | None = None
) -> tuple[list[Path], np.ndarray]:
    """Return the slices of the one CT series that :func:`read_scan` reads, in the order of its last axis.

    Args:
        path: a folder of DICOM slices, one a file.
        declared: as for :func:`read_scan`.
        name: of the scan, for messages.

    Returns:
        The files, none where it is no such folder; and the affine to world mm (RAS+).

    Raises:
        RefusedScan: as :func:`read_scan` does, but for pixels.
    """
    name, declared = name or str(path), declared or Declaration()
    formats = formats_of(source_files(str(path), declared, name)) if Path(path).is_dir() else {}
    files = [file for file, format_ in formats.items() if format_ is DICOM]
    return dicom_order(files, declared, name) if files else ([], np.eye(4))


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


def _given(source: tuple[Any, Any], name: str) -> Volume:
    """Take an array and its affine as they are."""
    voxels, affine = (np.asarray(part) for part in source)
    if affine.shape != (4, 4) or affine.dtype.kind not in "iuf":
        raise RefusedScan("bad_geometry", name, f"an affine of shape {affine.shape}; expected 4 x 4 numbers")
    return Volume(voxels, affine.astype(float))


def _read(path: str, declared: Declaration, name: str) -> Volume:
    file = Path(split_zip_path(path)[0])
    if not file.exists():
        raise RefusedScan("not_found", name, "no such file or folder; check the path")
    if not (file.is_file() or file.is_dir()):
        raise RefusedScan("unsupported", name, "neither a file nor a folder; expected a scan")
    if file.is_file() and file.stat().st_size == 0:
        raise RefusedScan("empty_file", name, "a file of 0 bytes; copy or download it again")
    files = source_files(path, declared, name)
    formats = formats_of(files)
    for format_ in FORMATS:
        own = [file for file in files if formats[file] is format_]
        if own and (format_.of_slices or len(files) == 1):
            volume = format_.read(own, declared, name)
            lost = _not_read(own, [f for f in files if formats[f] is None]) if format_ is DICOM else ()
            return replace(volume, flags=(*volume.flags, *lost))
    raise _no_scan(file, files, name)


def _not_read(slices: list[ScanFile], others: list[ScanFile]) -> tuple[str, ...]:
    """Return ``files_not_read`` where a file beside the slices is named as they are, and is no text."""
    endings = {Path(file.base_name).suffix.lower() for file in slices}
    for file in others:
        with file.open() as content:
            start = content.read(512)
        if Path(file.base_name).suffix.lower() in endings and (not start or start.translate(None, TEXT)):
            return ("files_not_read",)
    return ()


def _no_scan(path: Path, files: list[ScanFile], name: str) -> RefusedScan:
    known = ", ".join(format_.name for format_ in FORMATS if not format_.of_slices)
    expected = f"expected {known}, or a folder or zip of DICOM, PNG, JPG or TIFF slices"
    if len(files) == 1:
        with files[0].open() as content:
            start = content.read(4)
        if start == APPLE_DOUBLE:
            left = "what macOS leaves beside a file (AppleDouble), no scan; name the file itself"
            return RefusedScan("unsupported", name, left)
        if start[:2] == GZIP:
            return RefusedScan("unsupported", name, "packed by gzip, and no scan in it; unpack it and look")
    if len(files) > 1 and PICTURES and any(formats_of(files).values()):
        return RefusedScan("several_series", name, f"{len(files)} files, several of them scans; name one")
    single = path.is_file() and not path.name.lower().endswith(".zip")
    return RefusedScan("unsupported" if single else "not_found", name, f"no scan here; {expected}")


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
    with np.errstate(over="ignore"):  # what becomes infinite is refused for that
        return voxels.astype(wanted, copy=False)
