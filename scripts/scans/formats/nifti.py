"""NIfTI, in one file or two, and Analyze -> a volume."""

import logging
import re
from typing import IO, Any

import nibabel
import numpy as np
from nibabel.fileholders import FileHolder
from nibabel.imageglobals import logger as of_nibabel

from ..declaration import Declaration
from ..files import ScanFile, opener
from ..limits import DEFLATED, check_claim
from ..refusal import RefusedScan
from ..scan import Volume

__all__ = ["half_beside", "is_nifti", "nifti_header", "read_nifti"]

of_nibabel.setLevel(logging.CRITICAL)  # what it says of a damaged header is said by the refusal
MM_OF_UNIT = {"meter": 1000.0, "micron": 0.001}  # all others are taken for mm
UNITY = (1, 0)  # slope, intercept
SIZES = {348: nibabel.Nifti1Image, 540: nibabel.Nifti2Image}  # of the header in bytes, its first number
PAIRS = {348: nibabel.Nifti1Pair, 540: nibabel.Nifti2Pair}
MAGIC = {348: slice(344, 348), 540: slice(4, 8)}
LONGEST_HEADER = 540


def is_nifti(start: bytes) -> bool:
    """Tell NIfTI and Analyze by the header's size, in either byte order, or by NIfTI's magic word."""
    return _size(start) in SIZES or start[344:347] in (b"n+1", b"ni1")


def read_nifti(files: list[ScanFile], declared: Declaration, name: str) -> Volume:
    """Read a NIfTI file; the voxels keep their type and nibabel's memory order unless they are scaled.

    Args:
        files: one: ``.nii``, packed by gzip or not, or the ``.hdr`` or ``.img`` of a pair.
        declared: not used: what is declared is applied to what is read.
        name: of the scan, for messages.

    Returns:
        The volume, flagged ``orientation_assumed`` where the header gives none: neither sform nor qform, or
        Analyze 7.5.

    Raises:
        RefusedScan: ``bad_rescale``, ``bad_geometry`` where the header has no spacing, ``too_large``,
            ``unreadable`` where the half of a pair is missing.
    """
    header_file, image_file = _pair(files[0], name)
    with opener() as open_file:
        with open_file(header_file) as stream:
            start = stream.read(LONGEST_HEADER)
        kind = _image_class(start, paired=image_file is not header_file)
        with open_file(header_file) as header_stream, open_file(image_file) as stream:
            if image_file is header_file:
                image: Any = kind.from_stream(stream)
                if image.dataobj.offset < len(image.header.binaryblock):
                    found = f"its voxels would begin at byte {image.dataobj.offset}, within the header"
                    raise RefusedScan("unreadable", name, f"{found}; save it anew")
            else:
                streams: dict[str, Any] = {"header": header_stream, "image": stream}
                places = {part: FileHolder(fileobj=half) for part, half in streams.items()}
                image = kind.from_file_map(places)
            voxels = _voxels(image, image_file, stream, name)
    return Volume(voxels, *_placed(image, start, name))


def nifti_header(file: ScanFile) -> tuple[tuple[int, ...], np.ndarray, str]:
    """Return shape, affine and number type of the voxels, of which none is read."""
    header_file, image_file = _pair(file, file.base_name)
    with opener() as open_file, open_file(header_file) as stream:
        start = stream.read(LONGEST_HEADER)
    kind = _image_class(start, paired=image_file is not header_file).header_class
    header = kind(start[: kind.template_dtype.itemsize])
    return header.get_data_shape(), header.get_best_affine(), str(header.get_data_dtype())


def half_beside(file: ScanFile) -> ScanFile | None:
    """Return the other half of a pair; None where the file is whole.

    Raises:
        RefusedScan: the other half is missing.
    """
    return next((half for half in _pair(file, file.base_name) if half != file), None)


def _image_class(start: bytes, paired: bool) -> Any:
    """Return nibabel's class for a header; where its size is damaged, NIfTI-1's, as nibabel takes it."""
    size = 540 if _size(start) == 540 else 348
    if not paired:
        return SIZES[size]
    return PAIRS[size] if start[MAGIC[size]][:2] in (b"ni", b"n+") else nibabel.AnalyzeImage


def _size(start: bytes) -> int:
    little, big = (int.from_bytes(start[:4], order) for order in ("little", "big"))
    return big if big in SIZES else little


def _pair(file: ScanFile, name: str) -> tuple[ScanFile, ScanFile]:
    """Return the files of header and voxels, which are one unless it is half of a pair."""
    match = re.fullmatch(r"(.+)(\.hdr|\.img)(\.gz)?", file.base_name, re.IGNORECASE | re.DOTALL)
    if match is None:
        return file, file
    stem, own = match[1], match[2].lower()
    other = {".hdr": ".img", ".img": ".hdr"}[own]
    names = [f"{stem}{ending}{gz}" for ending in (other, other.upper()) for gz in ("", ".gz", ".GZ")]
    found = next(filter(None, map(file.beside, names)), None)
    if found is None:
        raise RefusedScan(
            "unreadable", name, f"it is half of a pair; expected {stem[-60:]}{other} in the same folder"
        )
    return (file, found) if own == ".hdr" else (found, file)


def _voxels(image: Any, file: ScanFile, stream: IO[bytes], name: str) -> np.ndarray:
    proxy = image.dataobj
    scaled = (proxy.slope, proxy.inter) != UNITY
    if not np.isfinite([proxy.slope, proxy.inter]).all():
        raise RefusedScan("bad_rescale", name, "slope or intercept is not finite; expected stored HU")
    unpacked = hasattr(stream, "mtime")  # a gzip stream
    stored = file.packed_size if unpacked else file.size
    check_claim(image.shape, proxy.dtype.itemsize, stored, name, DEFLATED if unpacked else 1)
    voxels = np.asarray(proxy, dtype=np.float32) if scaled else proxy.get_unscaled()
    while unpacked and stream.read(2**20):  # to the end, where the checksum lies
        pass
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    return voxels


def _placed(image: Any, start: bytes, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the affine in mm and flags; nibabel would put 1 mm in the place of a spacing that is missing."""
    header = image.header
    codes = [int(header[code]) if code in header else 0 for code in ("sform_code", "qform_code")]
    if codes[0] == 0:
        written = type(header)(start[: len(header.binaryblock)], check=False)["pixdim"][1:4]
        if not (np.isfinite(written).all() and (written > 0).all()):
            raise RefusedScan(
                "bad_geometry", name, f"spacing {written.tolist()}; expected three positive numbers of mm"
            )
    affine = image.affine.copy()
    if hasattr(header, "get_xyzt_units"):
        affine[:3] *= MM_OF_UNIT.get(header.get_xyzt_units()[0], 1.0)
    return affine, () if any(codes) else ("orientation_assumed",)
