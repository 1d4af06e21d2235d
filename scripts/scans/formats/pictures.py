"""PNG, JPG or TIFF slices of a declared display window -> a volume of grey levels."""

import hashlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checks import check_shape
from ..declaration import Declaration, axes_affine
from ..files import ScanFile, opener
from ..limits import DEFLATED, check_claim
from ..refusal import RefusedScan
from ..scan import Volume

__all__ = ["is_picture_content", "read_pictures"]

STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # PNG JPG BMP TIFF
FIELD_OF_VIEW = 350.0  # mm across the columns, assumed where no spacing is declared
HEIGHT = 300.0  # mm from the first slice to the last, assumed likewise: that of a chest
ORIENTATION = "LPI"  # assumed: columns to the patient's left, rows to the back, slices from head to feet
COLOURED = 24  # grey levels between red, green and blue; JPG alone makes some
DEEP_MODES = ("I;16", "I;16B", "I")  # of 16 bits, with or without a sign
FLAT = 64  # times DEFLATED: what JPG's and TIFF's coders make of an empty slice


def is_picture_content(start: bytes) -> bool:
    """Tell a picture by its magic word."""
    return start.startswith(STARTS)


def read_pictures(files: list[ScanFile], declared: Declaration, name: str) -> Volume:
    """Read slices in the given order as grey levels; pictures say nothing of HU, spacing or orientation.

    Where no spacing is declared, a field of view of :data:`FIELD_OF_VIEW` and a stack of :data:`HEIGHT` are
    assumed and flagged ``spacing_assumed``; where no orientation is declared, :data:`ORIENTATION`, flagged
    ``orientation_assumed``.

    Args:
        files: pictures, in the order of the slices; a TIFF may hold several, one after the other.
        declared: its window is required.
        name: of the scan, for messages.

    Returns:
        Grey levels, shape ``(columns, rows, slices)``, uint8 or, of 16-bit PNG and TIFF, uint16 or int16.

    Raises:
        RefusedScan: ``not_hounsfield`` without a declared window; ``unreadable``, ``too_large``, ``not_ct``
            for colours, ``several_orientations`` for sizes that differ, ``duplicate_slices``,
            ``too_few_slices``.
    """
    if declared.window is None:
        raise RefusedScan(
            "not_hounsfield",
            name,
            "pictures, which hold no HU; give the scan as DICOM, or declare intensity: windowed and "
            "the window (level, width in HU) that they were made with",
        )
    slices = list(_decoded(files, name))
    sizes = sorted({(*slice_.shape, 8 * slice_.itemsize) for slice_ in slices})
    if len(sizes) > 1:
        raise RefusedScan(
            "several_orientations",
            name,
            f"pictures of rows, columns and bits {sizes[:3]}; expected those of one series",
        )
    _check_repeats(slices, name)
    voxels = np.stack(slices).T  # slices, rows, columns -> columns, rows, slices
    check_shape(voxels.shape, name)
    columns, _, count = voxels.shape
    pixel = FIELD_OF_VIEW / columns
    spacing = declared.spacing or (pixel, pixel, HEIGHT / (count - 1))
    assumed = {"spacing_assumed": declared.spacing, "orientation_assumed": declared.orientation}
    return Volume(
        voxels,
        axes_affine(declared.orientation or ORIENTATION, spacing, voxels.shape),
        tuple(flag for flag, given in assumed.items() if given is None),
    )


def _decoded(files: list[ScanFile], name: str) -> Iterator[np.ndarray]:
    from PIL import Image

    with opener() as open_file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damage and size, both checked below
        for file in files:
            try:
                with open_file(file) as content, Image.open(content) as picture:
                    frames = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
                    claim = (*picture.size, max(frames, len(files)))
                    stored = file.packed_size * max(1, len(files) // frames)
                    check_claim(claim, 2 if picture.mode in DEEP_MODES else 1, stored, name, DEFLATED * FLAT)
                    for frame in range(frames):
                        picture.seek(frame)
                        yield _grey(picture, name)
            except RefusedScan:
                raise
            except Image.DecompressionBombError as error:
                raise RefusedScan(
                    "too_large", name, "a picture of more pixels than a slice has; is it damaged?"
                ) from error
            except Exception as error:  # Pillow's decoders raise many kinds for damaged files
                raise RefusedScan(
                    "unreadable", name, f"a slice could not be decoded ({type(error).__name__}); is it whole?"
                ) from error


def _grey(picture: Any, name: str) -> np.ndarray:
    """Return grey levels of shape (rows, columns)."""
    if picture.mode == "F":
        raise RefusedScan("unsupported", name, "pictures of floating-point numbers; expected 8 or 16 bits")
    if picture.mode in DEEP_MODES:
        levels = np.asarray(picture)
        return levels.astype(np.int16 if levels.min() < 0 else np.uint16)
    if picture.mode == "L":
        return np.asarray(picture)
    red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")), 2, 0)
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    if np.mean(spread > COLOURED) > 0.01:
        raise RefusedScan("not_ct", name, "coloured pictures; expected the grey slices of a CT")
    return np.asarray(picture.convert("L"))


def _check_repeats(slices: list[np.ndarray], name: str) -> None:
    """Refuse slices that are there twice: noise makes any two of one scan differ."""
    varying = [slice_ for slice_ in slices if np.ptp(slice_) > 0]
    repeated = len(varying) - len({hashlib.sha256(slice_.tobytes()).digest() for slice_ in varying})
    if repeated:
        raise RefusedScan(
            "duplicate_slices",
            name,
            f"{repeated} slices are the same picture as another; expected each once; list those to keep in "
            f"the field slices",
        )
