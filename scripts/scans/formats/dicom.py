"""DICOM slices, on disk or in a zip -> a volume in HU."""

import struct
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..declaration import Declaration
from ..files import ScanFile, opener, path_for_library
from ..refusal import RefusedScan
from ..scan import Volume
from .dicom_series import choose_series
from .dicom_slices import DEFLATED_SYNTAX, Pixels, Slice, is_sharp, read_slices
from .dicom_stack import stack
from .itk import LPS_TO_RAS

__all__ = ["dicom_order", "read_dicom"]

BIG_ENDIAN = "1.2.840.10008.1.2.2"
NATIVE = ("", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", BIG_ENDIAN, DEFLATED_SYNTAX)
EXPLICIT = (b"OW", b"OB", b"UN")  # how the element of the pixels begins where its representation is written
PIXEL_DATA = (0x7FE0, 0x0010)  # its tag; others hold numbers of floating point
ONE_FRAME, FRAMES = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.3"  # pictures: they have no HU
ALLOCATED = (8, 16, 32)  # bits
SHORT = np.iinfo(np.int16)


def read_dicom(files: list[ScanFile], declared: Declaration, name: str) -> Volume:
    """Read the one CT series among DICOM files, in HU.

    Slices are sorted by position along the normal of the image plane: neither file names nor instance
    numbers nor instance UIDs need to be right, and a reversed series is no different. Which series is
    read where there are several is said in :func:`choose_series`. SimpleITK only takes compression off:
    each frame's own slope and intercept are applied here, and MONOCHROME1, which says how to show grey
    levels, changes none.

    Args:
        files: of a folder; reports, plans and segmentations may lie among them.
        declared: its ``series``, where one was chosen.
        name: of the scan, for messages.

    Returns:
        The volume with its patient's id, flagged ``sharp_kernel`` where the header names one, and
        ``rescale_assumed`` where it has no slope (1) or no intercept (0).

    Raises:
        RefusedScan: not one patient, series and orientation; a slice missing or there twice; unreadable.
    """
    slices, affine = _order(files, declared, name)
    found = {
        "sharp_kernel": any(is_sharp(slice_.kernel) for slice_ in slices),
        "rescale_assumed": any(None in slice_.rescale for slice_ in slices),
    }
    flags = tuple(flag for flag, holds in found.items() if holds)
    return Volume(_hounsfield(slices, name), affine, flags, patient=slices[0].patient)


def dicom_order(files: list[ScanFile], declared: Declaration, name: str) -> tuple[list[Path], np.ndarray]:
    """Return the file of each slice in the order of :func:`read_dicom`'s last axis, and the affine (RAS+).

    Args:
        files: as there.
        declared: as there.
        name: as there.

    Raises:
        RefusedScan: as there, but for pixels.
    """
    slices, affine = _order(files, declared, name)
    return [slice_.file.path for slice_ in slices], affine


def _order(files: list[ScanFile], declared: Declaration, name: str) -> tuple[list[Slice], np.ndarray]:
    slices, others = read_slices(files, name)
    if not slices:
        found = ", ".join(sorted(set(others.values())))[:100]
        raise RefusedScan("not_ct", name, f"{found or 'no image'}; expected one CT series")
    slices, affine = stack(choose_series(slices, declared.series, name), name)
    if not all(slice_.pixels.grey for slice_ in slices):
        raise RefusedScan("not_ct", name, "slices of colours or of a palette; expected CT images")
    return slices, LPS_TO_RAS @ affine


def _hounsfield(slices: list[Slice], name: str) -> np.ndarray:
    """Return HU of shape ``(columns, rows, slices)``: int16, or a wider type where one slice needs it."""
    rows, columns = slices[0].size
    voxels = np.empty((len(slices), rows, columns), np.int16)
    decoded: dict[ScanFile, np.ndarray] = {}
    with opener() as open_file:
        for index, slice_ in enumerate(slices):
            if slice_.file not in decoded:
                if slice_.pixels.frames == 1:
                    decoded.clear()  # each file is one slice, and is not needed again
                decoded[slice_.file] = _decode(slice_, open_file, name)
            plane = _rescaled(decoded[slice_.file][slice_.frame], slice_)
            if not np.can_cast(plane.dtype, voxels.dtype):
                voxels = voxels.astype(np.promote_types(plane.dtype, voxels.dtype))
            voxels[index] = plane
    return voxels.T


def _rescaled(stored: np.ndarray, slice_: Slice) -> np.ndarray:
    """Return a frame in HU, in the narrowest of int16, int32 and float32 that holds it."""
    slope, intercept = slice_.rescale
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if not (slope.is_integer() and intercept.is_integer()):
        return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    low, high = float(stored.min()), float(stored.max())
    ends = (low * slope + intercept, high * slope + intercept)
    on_the_way = (slope, intercept, low, high, low * slope, high * slope, *ends)
    plane: Any = stored.astype(np.int16 if _is_short(on_the_way) else np.int32)
    if slope != 1:
        plane *= plane.dtype.type(slope)
    plane += plane.dtype.type(intercept)
    return plane.astype(np.int16, copy=False) if _is_short(ends) else plane


def _is_short(values: tuple[float, ...]) -> bool:
    return min(values) >= SHORT.min and max(values) <= SHORT.max


def _decode(slice_: Slice, open_file: Callable[[ScanFile], IO[bytes]], name: str) -> np.ndarray:
    """Return the stored values of a file's frames, shape ``(frames, rows, columns)``."""
    file, pixels = slice_.file, slice_.pixels
    try:
        if pixels.allocated not in ALLOCATED:
            raise ValueError(f"{pixels.allocated} bits")
        native = pixels.syntax in NATIVE
        frames = _native(file, pixels, open_file, name) if native else _decompressed(file, pixels)
    except RefusedScan:
        raise
    except (OSError, EOFError, RuntimeError, ValueError) as error:
        found = f"the pixels of {file.base_name[:60]} could not be decoded"
        raise RefusedScan("unreadable", name, f"{found}; is the file whole?") from error
    expected = (pixels.frames, pixels.rows, pixels.columns)
    if frames.shape != expected:
        found = f"frames of shape {frames.shape}, whose header says {expected}"
        raise RefusedScan("unreadable", name, f"{found}; get it anew")
    return frames


def _native(
    file: ScanFile, pixels: Pixels, open_file: Callable[[ScanFile], IO[bytes]], name: str
) -> np.ndarray:
    """Read values that are not compressed; bits that do not count, such as an old overlay's, are cleared."""
    count = pixels.frames * pixels.rows * pixels.columns
    order: Any = ">" if pixels.syntax == BIG_ENDIAN else "<"
    with open_file(file) as content:
        if pixels.syntax == DEFLATED_SYNTAX:
            import pydicom

            data = pydicom.dcmread(content, force=True).PixelData
        else:
            content.seek(pixels.start)
            length = _element_length(content, order)
            data = content.read(count * pixels.allocated // 8)
            if not 0 <= length - len(data) < pixels.columns * pixels.allocated // 8:
                found = f"{file.base_name[:60]} holds {length} bytes of pixels, its header says {len(data)}"
                raise RefusedScan("unreadable", name, f"{found}; get it anew")
    kind = "i" if pixels.signed else "u"
    stored = np.frombuffer(data, np.dtype(f"{kind}{pixels.allocated // 8}").newbyteorder(order), count)
    unused = pixels.allocated - pixels.stored
    if unused:
        native = stored.astype(stored.dtype.newbyteorder("="))
        stored = (native << (pixels.allocated - 1 - pixels.high)) >> unused
    return stored.reshape(pixels.frames, pixels.rows, pixels.columns)


def _element_length(content: IO[bytes], order: str) -> int:
    """Read the start of the element of the pixels, and return how many bytes it says it has."""
    start = content.read(8)
    if struct.unpack(f"{order}HH", start[:4]) != PIXEL_DATA:
        raise ValueError("pixels of floating point, or none")
    length = content.read(4) if start[4:6] in EXPLICIT else start[4:]
    return int(struct.unpack(f"{order}I", length)[0])


def _decompressed(file: ScanFile, pixels: Pixels) -> np.ndarray:
    """Decode by SimpleITK, which is shown a picture of the same pixels: it would guess at all else."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    with path_for_library(file, _picture_header(pixels), pixels.start) as path:
        image = sitk.ReadImage(path, imageIO="GDCMImageIO")
    return np.atleast_3d(sitk.GetArrayFromImage(image).T).T


@lru_cache(maxsize=8)
def _picture_header(pixels: Pixels) -> bytes:
    """Return a DICOM file up to its pixels that says nothing but how they are stored."""
    import io

    import pydicom

    header: Any = pydicom.Dataset()
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.TransferSyntaxUID = pixels.syntax
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = (
        ONE_FRAME if pixels.frames == 1 else FRAMES
    )
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.Rows, header.Columns, header.NumberOfFrames = pixels.rows, pixels.columns, pixels.frames
    header.BitsAllocated, header.BitsStored, header.HighBit = pixels.allocated, pixels.stored, pixels.high
    header.PixelRepresentation = int(pixels.signed)
    content = io.BytesIO()
    pydicom.dcmwrite(content, header, enforce_file_format=True, little_endian=True, implicit_vr=False)
    return content.getvalue()
