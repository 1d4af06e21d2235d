"""NRRD and MetaImage, their voxels in the file or beside it -> a volume; nothing that the header lacks."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..declaration import Declaration
from ..files import ScanFile, opener, path_for_library, shown
from ..limits import DEFLATED, check_claim
from ..refusal import RefusedScan
from ..scan import Volume

__all__ = ["LONGEST_HEADER", "LPS_TO_RAS", "is_metaimage", "is_nrrd", "itk_header", "read_itk", "voxel_file"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
LONGEST_HEADER = 2**20  # bytes
MM_OF_UNIT = {"": 1.0, "mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "μm": 0.001}
RATIOS = {"raw": 1} | dict.fromkeys(("gz", "gzip", "zlib", "bz2", "bzip2"), DEFLATED)
MOST_AXES = 10
TEXT = 4  # bytes of a voxel for one character, at most: a digit and a space stand for 8
NAMED_SPACE = re.compile("(left|right)-(anterior|posterior)-superior(-time)?|[lr][ap]st?")


@dataclass(frozen=True)
class Header:
    """What a header says, with its words in small letters.

    Attributes:
        nrrd: whether it is NRRD's, or MetaImage's.
        sizes: of the axes.
        channels: numbers of a voxel.
        voxel_bytes: of one of them.
        encoding: of the voxels.
        data: name of the file that holds the voxels; "" where it is this one.
        skip: bytes of that file before them; negative: all but theirs.
        end: where the header ends in the file, in bytes.
        attached: the header for one file, of what its ``data`` would hold.
        unit: of the spacing, in mm.
        lacks: "spacing", "orientation", both or none of them.
    """

    nrrd: bool
    sizes: tuple[int, ...]
    channels: int
    voxel_bytes: int
    encoding: str
    data: str
    skip: int
    end: int
    attached: bytes
    unit: float
    lacks: tuple[str, ...]

    @property
    def numbers(self) -> int:
        """How many there are."""
        return math.prod(self.sizes) * self.channels


def is_nrrd(start: bytes) -> bool:
    """Tell NRRD, attached or not, by its magic word."""
    return start.startswith(b"NRRD000")


def is_metaimage(start: bytes) -> bool:
    """Tell MetaImage by its first field."""
    return re.match(rb"\s*(ObjectType|NDims|Comment|ObjectSubType|TransformType)\s*=", start) is not None


def read_itk(files: list[ScanFile], declared: Declaration, name: str) -> Volume:
    """Read a file by SimpleITK, after its header was checked; the voxels keep their type.

    Args:
        files: one: ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd``.
        declared: its spacing stands for one that is missing.
        name: of the scan, for messages.

    Returns:
        The volume, flagged ``orientation_assumed`` where the header gives none.

    Raises:
        RefusedScan: ``bad_geometry`` without a spacing, or with one in an unknown unit; ``too_large``,
            ``unreadable``; ``unsupported`` for voxels in several files, or outside the header's folder.
    """
    import SimpleITK as sitk

    header = _header(files[0], name)
    if len(header.sizes) == 3 and "spacing" in header.lacks and declared.spacing is None:
        raise RefusedScan("bad_geometry", name, "the header has no spacing; declare it, or save it anew")
    with _whole(files[0], header, name) as path:
        reader = _reader(header, path)
        reader.ReadImageInformation()
        if math.prod(reader.GetSize()) * reader.GetNumberOfComponents() != header.numbers:
            raise RefusedScan("unreadable", name, "a header that can be read in two ways; save it anew")
        image = reader.Execute()
    voxels = sitk.GetArrayFromImage(image).T
    if image.GetDimension() != 3 or voxels.ndim != 3:
        return Volume(voxels, np.eye(4))
    flags = ("orientation_assumed",) if "orientation" in header.lacks else ()
    return Volume(voxels, _affine(image, header.unit), flags)


def itk_header(file: ScanFile) -> tuple[tuple[int, ...], np.ndarray | None, str]:
    """Return shape, affine and number type of the voxels, of which none is read; no affine if not 3-D."""
    import SimpleITK as sitk

    header = _header(file, file.base_name)
    with path_for_library(file) as path:  # the voxels are not looked for
        reader = _reader(header, path)
        reader.ReadImageInformation()
    affine = _affine(reader, header.unit) if reader.GetDimension() == 3 else None
    return tuple(reader.GetSize()), affine, sitk.GetPixelIDValueAsString(reader.GetPixelID())


def voxel_file(file: ScanFile) -> ScanFile | None:
    """Return the file beside a header that holds its voxels; None where they are in it, or nowhere.

    Raises:
        RefusedScan: the header is none, or its voxels lie in several files.
    """
    header = _header(file, file.base_name)
    return file.beside(header.data) if header.data else None


def _reader(header: Header, path: str) -> Any:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO" if header.nrrd else "MetaImageIO")
    reader.SetFileName(path)
    return reader


def _affine(image: Any, unit: float) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing() * unit
    affine[:3, 3] = np.multiply(image.GetOrigin(), unit)
    return LPS_TO_RAS @ affine


@contextmanager
def _whole(file: ScanFile, header: Header, name: str) -> Iterator[str]:
    """Give a path of one file that holds header and voxels, once the header's claims are checked.

    A library that finds the voxels by itself would open any file that the header names.
    """
    data = file.beside(header.data) if header.data else file
    if data is None:
        data_name = shown(re.split(r"[/\\]", header.data)[-1])[-60:]
        raise RefusedScan(
            "unreadable",
            name,
            f"its voxels, {data_name!r}, are not beside it; expected one file in its folder",
        )
    with opener() as open_file, open_file(file) as stream:
        packed = not header.data and hasattr(stream, "mtime")  # the whole is a gzip stream
    ratio = RATIOS.get(header.encoding, TEXT) * (DEFLATED if packed else 1)
    claimed = header.numbers * header.voxel_bytes
    skip = header.skip if header.skip >= 0 else max(0, data.size - claimed)
    stored = data.packed_size if packed else data.size - (skip if header.data else header.end)
    check_claim(header.sizes, header.channels * header.voxel_bytes, stored, name, ratio)
    if header.data:
        with path_for_library(data, header.attached, skip, unpack=False) as path:
            yield path
    else:
        with path_for_library(file) as path:
            yield path


def _header(file: ScanFile, name: str) -> Header:
    with opener() as open_file, open_file(file) as stream:
        start = stream.read(LONGEST_HEADER)
    nrrd = is_nrrd(start)
    pattern = rb"\r?\n\r?\n" if nrrd else rb"(?m)^\s*ElementDataFile\s*=[^\n]*\n?"
    match = re.search(pattern, start)
    if match is None and not nrrd:
        raise RefusedScan("unreadable", name, "no MetaImage header; is the file whole?")
    end = match.end() if match else len(start)
    lines = start[:end].decode("utf-8", "surrogateescape").splitlines()
    sign = ":" if nrrd else "="
    if nrrd:
        lines = [line for line in lines if not line.startswith("#") and ":=" not in line]
    pairs = [
        (key.strip().lower(), value.strip()) for key, _, value in (line.partition(sign) for line in lines)
    ]
    named = [key for key, value in pairs if value and key != "comment"]
    if len(set(named)) < len(named):
        raise RefusedScan("unreadable", name, "a field of its header is there twice; save it anew")
    fields = {key: value for key, value in pairs if value}
    header = (_nrrd if nrrd else _metaimage)(fields, start[:end], end, name)
    axes = int(fields.get("dimension" if nrrd else "ndims", 0))
    if not (len(header.sizes) == axes <= MOST_AXES and min(*header.sizes, header.channels, 1) > 0):
        raise RefusedScan(
            "unreadable",
            name,
            f"its header says {axes} axes, of sizes {str(header.sizes)[:60]}; is it whole?",
        )
    return header


def _nrrd(fields: dict[str, str], text: bytes, end: int, name: str) -> Header:
    sizes = _whole_numbers(fields.get("sizes", ""))
    directions = re.findall(r"\(([^)]*)\)", fields.get("space directions", ""))
    spacing = " ".join(directions) if len(directions) == 3 else fields.get("spacings", "nan")
    lacks = [] if _finite(spacing) else ["spacing"]
    if len(directions) != 3 or not NAMED_SPACE.fullmatch(fields.get("space", "").lower()):
        lacks.append("orientation")
    units = fields.get("space units", fields.get("units", "") if "spacings" in fields else "")
    line = re.compile(rb"(?im)^data ?file:[^\n]*\n?")
    return Header(
        True,
        sizes,
        1,  # NRRD counts channels as an axis
        _voxel_bytes(fields.get("type", "")),
        fields.get("encoding", "raw").lower(),
        _data_file(fields.get("data file", fields.get("datafile", "")), name),
        0,  # the library skips what the header says
        end,
        line.sub(b"", text).rstrip() + b"\n\n",
        _unit(re.findall(r'"([^"]*)"', units) or units.split(), name),
        tuple(lacks),
    )


def _metaimage(fields: dict[str, str], text: bytes, end: int, name: str) -> Header:
    sizes = _whole_numbers(fields.get("dimsize", ""))
    voxel_bytes = _voxel_bytes(fields.get("elementtype", ""))
    lacks = [] if _finite(fields.get("elementspacing", fields.get("elementsize", "nan"))) else ["spacing"]
    if not {"transformmatrix", "rotation", "orientation"} & fields.keys():
        lacks.append("orientation")
    packed = fields.get("compresseddata", "").lower().startswith("t")
    encoding = "zlib" if packed else "raw"
    if fields.get("binarydata", "true").lower().startswith("f"):
        encoding = "text"
    written = fields.get("elementdatafile", "")
    if not written:
        raise RefusedScan("unreadable", name, "its header does not say where the voxels are; is it whole?")
    data = "" if written.upper() == "LOCAL" else _data_file(written, name)
    skip = int(fields.get("headersize", 0))
    line = re.compile(rb"(?im)^\s*(HeaderSize|ElementDataFile)\s*=[^\n]*\n?")
    attached = line.sub(b"", text).rstrip() + b"\nElementDataFile = LOCAL\n"
    unit = _unit([fields.get("distanceunits", "")], name)
    channels = int(fields.get("elementnumberofchannels", 1))
    return Header(
        False, sizes, channels, voxel_bytes, encoding, data, skip, end, attached, unit, tuple(lacks)
    )


def _data_file(written: str, name: str) -> str:
    """Return the name of the one file that holds the voxels; its folder is the header's."""
    if written.upper().split(maxsplit=1)[:1] == ["LIST"] or "%" in written:
        raise RefusedScan("unsupported", name, "its voxels lie in several files; expected one")
    return written.removeprefix("./")


def _voxel_bytes(written: str) -> int:
    """Return the bytes of a number type in NRRD's and MetaImage's words; the fewest that it can have."""
    kind = written.lower().replace(" ", "")
    words = {"char": 1, "int8": 1, "short": 2, "int16": 2, "double": 8, "64": 8, "longlong": 8}
    return next((size for word, size in words.items() if word in kind), 4)


def _whole_numbers(written: str) -> tuple[int, ...]:
    return tuple(int(word) for word in written.split())


def _finite(written: str) -> bool:
    numbers = [float(word) for word in re.split(r"[\s,]+", written.strip())]
    return all(map(math.isfinite, numbers)) and any(numbers)


def _unit(written: list[str], name: str) -> float:
    """Return the one unit of all axes in mm."""
    units = {unit.strip().lower() for unit in written} or {""}
    factors = {MM_OF_UNIT.get(unit) for unit in units}
    if len(factors) != 1 or None in factors:
        raise RefusedScan(
            "bad_geometry", name, f"its spacing is in {' and '.join(sorted(units))[:60]!r}; expected mm"
        )
    return factors.pop() or 1.0
