"""NumPy's files -> a volume; their geometry is declared, or lies beside the array in an ``.npz``."""

import math
import zipfile
from typing import IO, Any

import numpy as np

from ..declaration import Declaration, axes_affine
from ..files import ScanFile, opener
from ..limits import DEFLATED, LARGEST_RATIO, check_claim
from ..refusal import RefusedScan
from ..scan import Volume

__all__ = ["ORIENTATION", "array_header", "is_array", "read_array"]

MAGIC = b"\x93NUMPY"
ORIENTATION = "SPL"  # assumed: slices from feet to head, rows to the back, columns to the left: SimpleITK's
LONGEST_HEADER = 2**16  # bytes
AFFINE = "affine"  # the name in an .npz of the affine to world mm (RAS+), shape (4, 4)


def is_array(start: bytes) -> bool:
    """Tell ``.npy`` by its magic word, and ``.npz`` as a zip whose first member is one."""
    return start.startswith(MAGIC) or (start.startswith(b"PK\3\4") and b".npy" in start[30:286])


def read_array(files: list[ScanFile], declared: Declaration, name: str) -> Volume:
    """Read the one array of three dimensions in a file.

    Where no orientation is declared and no affine lies beside, :data:`ORIENTATION` is assumed, flagged
    ``orientation_assumed``, but only where the first axis can be that of the slices.

    Args:
        files: one: ``.npy``, packed by gzip or not, or ``.npz``.
        declared: its spacing is required, unless the file holds an affine.
        name: of the scan, for messages.

    Raises:
        RefusedScan: ``bad_geometry`` without a spacing; ``unsupported`` for several arrays or Python objects;
            ``too_large``, ``unreadable``.
    """
    arrays = dict(_arrays(files[0], name))
    affine = arrays.pop(AFFINE, None) if len(arrays) > 1 else None
    volumes = [array for array in arrays.values() if array.ndim >= 3]
    if len(volumes) != 1:
        raise RefusedScan(
            "unsupported" if volumes else "not_three_dimensional",
            name,
            f"{len(volumes)} arrays of three dimensions; expected one, or one and its {AFFINE!r}",
        )
    if affine is not None:
        if affine.shape != (4, 4) or affine.dtype.kind not in "iuf":
            raise RefusedScan(
                "bad_geometry", name, f"its affine has shape {affine.shape}; expected 4 x 4 numbers"
            )
        return Volume(volumes[0], affine.astype(float))
    shape = volumes[0].shape
    if declared.spacing is None:
        raise RefusedScan(
            "bad_geometry",
            name,
            "an array holds no spacing; declare spacing (mm along its axes) and orientation",
        )
    if declared.orientation:
        return Volume(volumes[0], axes_affine(declared.orientation, declared.spacing, shape[:3]))
    if shape[0] != shape[-1] and shape[0] == shape[1]:
        raise RefusedScan(
            "bad_geometry",
            name,
            f"shape {shape}, whose last axis seems to be the slices; declare orientation, such as LPS",
        )
    return Volume(volumes[0], axes_affine(ORIENTATION, declared.spacing, shape[:3]), ("orientation_assumed",))


def array_header(file: ScanFile) -> tuple[tuple[int, ...], np.ndarray | None, str]:
    """Return shape and number type of a ``.npy``'s array, of which nothing is read; it has no affine."""
    with opener() as open_file, open_file(file) as stream:
        shape, _, dtype = _header(stream, file.base_name)
    return shape, None, str(dtype)


def _arrays(file: ScanFile, name: str) -> list[tuple[str, np.ndarray]]:
    with opener() as open_file, open_file(file) as stream:
        if stream.peek(2)[:2] != b"PK":  # type: ignore[attr-defined]
            packed = hasattr(stream, "mtime")  # a gzip stream
            stored, ratio = (file.packed_size, DEFLATED) if packed else (file.size, 1)
            return [("", _array(stream, stored, ratio, name))]
        with zipfile.ZipFile(stream) as archive:
            found = []
            for member in archive.infolist():
                with archive.open(member) as part:
                    ratio = LARGEST_RATIO if member.compress_type else 1
                    key = member.filename.removesuffix(".npy")
                    found.append((key, _array(part, member.compress_size, ratio, name)))
            return found


def _array(stream: IO[bytes], stored: int, ratio: int, name: str) -> np.ndarray:
    shape, fortran, dtype = _header(stream, name)
    check_claim(shape, dtype.itemsize, stored, name, ratio)
    content = stream.read(math.prod(shape) * dtype.itemsize)
    order: Any = "F" if fortran else "C"
    return np.frombuffer(bytearray(content), dtype).reshape(shape, order=order)


def _header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read, start = np.lib.format.read_array_header_2_0, stream.tell()
        if int.from_bytes(stream.read(4), "little") > LONGEST_HEADER:
            raise RefusedScan("unreadable", name, "a header longer than any array's; is it whole?")
        stream.seek(start)
    shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        raise RefusedScan("unsupported", name, "an array of Python objects; expected numbers, in HU")
    return shape, fortran, dtype
