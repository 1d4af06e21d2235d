"""DICOM slices, on disk or in a zip -> a volume in HU."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from ..declaration import Declaration
from ..limits import check_voxels
from ..refusal import RefusedScan
from ..scan import Volume
from ..scan_files import ScanFile, opener
from .dicom_kernel import is_sharp
from .dicom_series import choose_series
from .dicom_slices import Slice, read_slices
from .dicom_stack import stack
from .itk import LPS_TO_RAS

__all__ = ["dicom_order", "read_dicom"]


def read_dicom(files: list[ScanFile], declared: Declaration, name: str) -> Volume:
    """Read the one CT series among DICOM files; pixels by SimpleITK, in HU, geometry from the headers.

    Slices are sorted by position along the normal of the image plane: neither file names nor instance
    numbers nor instance UIDs need to be right, and a reversed series is no different. Which series is
    read where there are several is said in :func:`choose_series`.

    Args:
        files: of a folder; reports, plans and segmentations may lie among them.
        declared: its ``series``, where one was chosen.
        name: of the scan, for messages.

    Returns:
        The volume with its patient's id, flagged ``sharp_kernel`` where the header names one.

    Raises:
        RefusedScan: not one patient, series and orientation; a slice missing or there twice; unreadable.
    """
    slices, affine = _order(files, declared, name)
    rows, columns = slices[0].size
    check_voxels((columns, rows, len(slices)), name)
    sharp = any(is_sharp(slice_.kernel) for slice_ in slices)
    flags = ("sharp_kernel",) if sharp else ()
    return Volume(_pixels(slices, name), affine, flags, patient=slices[0].patient)


def dicom_order(files: list[ScanFile], declared: Declaration, name: str) -> tuple[list[ScanFile], np.ndarray]:
    """Return the file of each slice in the order of :func:`read_dicom`'s last axis, and the affine (RAS+).

    Args:
        files: as there.
        declared: as there.
        name: as there.

    Raises:
        RefusedScan: as there, but for pixels.
    """
    slices, affine = _order(files, declared, name)
    return [slice_.file for slice_ in slices], affine


def _order(files: list[ScanFile], declared: Declaration, name: str) -> tuple[list[Slice], np.ndarray]:
    slices, affine = stack(choose_series(read_slices(files, name), declared.series, name), name)
    return slices, LPS_TO_RAS @ affine


def _pixels(slices: list[Slice], name: str) -> np.ndarray:
    """Return HU of shape ``(columns, rows, slices)``."""
    voxels: Any = None
    frames: dict[ScanFile, np.ndarray] = {}
    single = all(slice_.frame == 0 for slice_ in slices)
    with opener() as open_file:
        for index, slice_ in enumerate(slices):
            if slice_.file not in frames:
                if single:
                    frames.clear()  # each file is one slice, and is not needed again
                frames[slice_.file] = _decode(slice_.file, open_file, name)
            plane = frames[slice_.file][slice_.frame]
            if plane.shape != slice_.size:
                found = f"a slice of shape {plane.shape}, whose header says {slice_.size}"
                raise RefusedScan("unreadable", name, f"{found}; get it anew")
            if voxels is None:
                voxels = np.empty((len(slices), *plane.shape), plane.dtype)
            if not np.can_cast(plane.dtype, voxels.dtype):
                voxels = voxels.astype(np.promote_types(plane.dtype, voxels.dtype))
            voxels[index] = plane
    return voxels.T


def _decode(file: ScanFile, open_file: Callable[[ScanFile], IO[bytes]], name: str) -> np.ndarray:
    """Return the frames of a file in HU, shape ``(frames, rows, columns)``."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with _path_of(file, open_file, name) as path:
            image = sitk.ReadImage(path, imageIO="GDCMImageIO")
    except (OSError, RuntimeError, ValueError) as error:
        found = f"the pixels of {file.base_name[:60]} could not be decoded"
        raise RefusedScan("unreadable", name, f"{found}; is the file whole?") from error
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise RefusedScan("not_ct", name, "coloured slices; expected CT images")
    return np.atleast_3d(sitk.GetArrayFromImage(image).T).T


@contextmanager
def _path_of(file: ScanFile, open_file: Callable[[ScanFile], IO[bytes]], name: str) -> Iterator[str]:
    """Give a path to SimpleITK, which reads nothing else; a slice in a zip lies in memory only."""
    if file.member is None:
        yield str(file.path)
    elif hasattr(os, "memfd_create"):
        handle = os.memfd_create("slice")
        try:
            with open_file(file) as content, open(handle, "wb", closefd=False) as memory:
                memory.write(content.read())
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
    else:
        raise RefusedScan("unsupported", name, "DICOM in a zip is read on Linux only; unpack the zip")
