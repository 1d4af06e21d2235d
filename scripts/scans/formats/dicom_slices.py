"""What the headers of DICOM files say, one record a slice; no field that identifies a patient is shown."""

import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from ..files import ScanFile, opener
from ..limits import DEFLATED, check_claim, largest_unpacked
from ..refusal import RefusedScan

__all__ = ["Pixels", "Slice", "is_dicom", "is_sharp", "read_slices"]

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
CT_CLASSES = (CT_IMAGE, f"{CT_IMAGE}.1", f"{CT_IMAGE}.2")  # CT Image, Enhanced, Legacy Converted Enhanced
DIRECTORY = "1.2.840.10008.1.3.10"  # DICOMDIR, the table of contents of a disc
PIXEL_TAGS = [
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
]
HEADER_TAGS = [
    "Modality",
    "SOPClassUID",
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "ContentTime",
    "ImageType",
    "ConvolutionKernel",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "ModalityLUTSequence",
    "PhotometricInterpretation",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    *PIXEL_TAGS,
]
GROUPS = {  # of an enhanced CT: where a frame keeps what else a slice has at the top
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "ImagePositionPatient": "PlanePositionSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleType": "PixelValueTransformationSequence",
    "ConvolutionKernel": "CTReconstructionSequence",
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex"),
    "ContentTime": ("FrameContentSequence", "FrameAcquisitionDateTime"),
    "ImageType": ("CTImageFrameTypeSequence", "FrameType"),
}
NOT_HOUNSFIELD = {"MGML", "Z_EFF", "ED", "EDW", "PCT", "OD", "HU_MOD"}  # of RescaleType: maps of spectral CT
DEFLATED_SYNTAX = "1.2.840.10008.1.2.1.99"
MOST_PACKED = 20_000  # bytes that one byte of a compressed slice becomes: an empty one is a few bytes
START = 1024  # bytes that hold the meta header's transfer syntax
BARE_GROUPS = (2, 8)  # with which a file without preamble begins
LONG_VALUES = {b"OB", b"OD", b"OF", b"OL", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"}


@dataclass(frozen=True)
class Pixels:
    """How a file holds its frames.

    Attributes:
        syntax: UID of the transfer syntax; "" where the file has none, and is little-endian.
        start: of the element of the pixels in the file, in bytes; 0 where it lies in a deflated part.
        rows: of a frame.
        columns: of a frame.
        frames: in the file.
        grey: whether a pixel is a grey level, and no colour or number of a palette.
        allocated: bits of a sample in the file.
        stored: bits of them that count.
        high: the highest of these.
        signed: whether that one is a sign.
    """

    syntax: str
    start: int
    rows: int
    columns: int
    frames: int
    grey: bool
    allocated: int
    stored: int
    high: int
    signed: bool


@dataclass(frozen=True)
class Slice:
    """A slice of a CT, from its header.

    Attributes:
        file: that holds it.
        frame: its number in the file, from 0.
        pixels: of the file.
        patient: id or "", only to be compared and turned into a key.
        study: StudyInstanceUID or "", only to be compared.
        series: SeriesInstanceUID or "", only to be compared.
        series_number: as written, or "".
        acquisition: AcquisitionNumber as written, or "".
        phase: TemporalPositionIdentifier or -Index as written, or "".
        time: of the content, as written, or "".
        image_type: words in capitals, such as ORIGINAL, PRIMARY, AXIAL.
        kernel: as written, or "".
        size: rows, columns.
        spacing: mm between rows, between columns.
        orientation: direction cosines along a row, then along a column (LPS+).
        position: of the first pixel's centre, mm (LPS+).
        rescale: slope, intercept; None for what the header does not say.
        quantity: the RescaleType, in capitals; "" or HU for Hounsfield units.
    """

    file: ScanFile
    frame: int
    pixels: Pixels
    patient: str
    study: str
    series: str
    series_number: str
    acquisition: str
    phase: str
    time: str
    image_type: tuple[str, ...]
    kernel: str
    size: tuple[int, int]
    spacing: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    rescale: tuple[float | None, float | None]
    quantity: str


def is_dicom(start: bytes) -> bool:
    """Tell DICOM by its magic word behind a preamble; or, without one, by the first two tags of a header."""
    if start[128:132] == b"DICM":
        return True
    if len(start) < 16:
        return False
    group, element = struct.unpack("<HH", start[:4])
    if group not in BARE_GROUPS or element > 0x70:
        return False
    if start[4:6].isalpha() and start[4:6].isupper():
        if start[4:6] in LONG_VALUES:
            return False
        end = 8 + struct.unpack("<H", start[6:8])[0]
    else:
        end = 8 + struct.unpack("<I", start[4:8])[0]
    if end + 4 > len(start):
        return False
    following = struct.unpack("<HH", start[end : end + 4])
    return (group, element) < following <= (8, 0xFFFF)


def read_slices(files: list[ScanFile], name: str) -> tuple[list[Slice], dict[ScanFile, str]]:
    """Read the headers of the CT slices among files.

    A CT is of the storage class CT Image, Enhanced CT Image or Legacy Converted Enhanced CT Image, or, where
    the class is missing, of the modality CT.

    Args:
        files: DICOM.
        name: of the scan, for messages.

    Returns:
        The slices; and the files of other classes (reports, plans, structures, DICOMDIR), with what they are.

    Raises:
        RefusedScan: ``unreadable``, ``bad_rescale``, ``too_large``.
    """
    import pydicom
    from pydicom.config import disable_value_validation

    slices: list[Slice] = []
    others: dict[ScanFile, str] = {}
    with disable_value_validation(), warnings.catch_warnings(), opener() as open_file:
        warnings.simplefilter("ignore")  # pydicom's warnings repeat what a header holds
        for file in files:
            try:
                with open_file(file) as content:
                    _check_deflated(content, file, name)
                    header = pydicom.dcmread(
                        content, stop_before_pixels=True, force=True, specific_tags=HEADER_TAGS
                    )
                    if _is_ct(header):
                        slices += _slices(header, file, _pixels(header, content, file, name), name)
                    else:
                        others[file] = _kind(header)
            except RefusedScan:
                raise
            except Exception as error:  # pydicom raises many kinds for damaged headers
                raise RefusedScan(
                    "unreadable",
                    name,
                    f"the header of {file.base_name[:60]} is damaged ({type(error).__name__}); get it anew",
                ) from error
    return slices, others


def _is_ct(header: Any) -> bool:
    kind, modality = _class(header), header.get("Modality")
    if not (kind or modality):
        raise ValueError("neither class nor modality")
    if kind and modality:
        return modality == "CT" and kind in CT_CLASSES
    return modality == "CT" or kind in CT_CLASSES


def _class(header: Any) -> str:
    meta = getattr(header, "file_meta", {})
    return str(header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")


def _kind(header: Any) -> str:
    """Say what an object is that is no CT image, in words of the standard only."""
    if _class(header) == DIRECTORY:
        return "DICOMDIR, a table of contents"
    modality = str(header.get("Modality") or "")
    known = modality if re.fullmatch("[A-Z]{2,16}", modality) else "none"
    return f"DICOM of modality {known}" + (", no image of a slice" if known == "CT" else "")


def _pixels(header: Any, content: IO[bytes], file: ScanFile, name: str) -> Pixels:
    """Return how the frames lie in the file, once their number and size are what the file can hold."""
    values = [int(header.get(tag) or 0) for tag in PIXEL_TAGS]
    rows, columns, frames, samples, allocated, stored, high, signed = values
    syntax = str(getattr(header, "file_meta", {}).get("TransferSyntaxUID") or "")
    allocated = allocated or 16
    stored = stored or (high + 1 if high else allocated)
    if not (rows and columns):
        raise ValueError("no size")
    frames, samples, high = max(1, frames), samples or 1, high or stored - 1
    if not 0 < stored <= high + 1 <= allocated:
        raise RefusedScan(
            "unreadable",
            name,
            f"{file.base_name[:60]} stores {stored} bits up to bit {high} of {allocated}; get it anew",
        )
    shown_as = _text(header.get("PhotometricInterpretation")) or "MONOCHROME2"
    grey = samples == 1 and shown_as.startswith("MONOCHROME")
    start = 0 if syntax == DEFLATED_SYNTAX else content.tell()
    packed = hasattr(content, "mtime")  # a gzip stream
    native = syntax in ("", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
    ratio = 1 if native else DEFLATED if syntax == DEFLATED_SYNTAX else MOST_PACKED
    size = file.packed_size if packed else file.size
    shape = (columns * samples, rows, frames)
    stored_bytes = size if packed else size - start
    check_claim(shape, allocated // 8, stored_bytes, name, ratio * (DEFLATED if packed else 1))
    if frames > max(1, size):  # each frame has at least a byte
        check_claim(shape, allocated // 8, 0, name)
    return Pixels(syntax, start, rows, columns, frames, grey, allocated, stored, high, bool(signed))


def _check_deflated(content: IO[bytes], file: ScanFile, name: str) -> None:
    """Refuse a file of the deflated syntax that unpacks to more than a scan's can; leave it at its start."""
    start = content.read(START)
    if start[128:132] == b"DICM" and DEFLATED_SYNTAX.encode() in start:
        content.seek(144 + int.from_bytes(start[140:144], "little"))  # behind the meta header
        inflater, room = zlib.decompressobj(-zlib.MAX_WBITS), largest_unpacked(file.packed_size or file.size)
        waiting = content.read(2**20)
        while waiting and room > 0:
            room -= len(inflater.decompress(waiting, 2**20))
            waiting = inflater.unconsumed_tail or content.read(2**20)
        if room <= 0:
            raise RefusedScan("too_large", name, f"{file.base_name[:60]} unpacks to too much; is it damaged?")
    content.seek(0)


def _slices(header: Any, file: ScanFile, pixels: Pixels, name: str) -> Iterator[Slice]:
    frames = header.get("PerFrameFunctionalGroupsSequence") or [None]
    if pixels.frames > 1 and frames == [None]:
        found = f"{file.base_name[:60]} has {pixels.frames} frames and says of none where it lies"
        raise RefusedScan("bad_geometry", name, f"{found}; expected positions; get it anew")
    if len(frames) != pixels.frames:
        raise RefusedScan(
            "unreadable",
            name,
            f"{file.base_name[:60]} has {pixels.frames} frames and describes {len(frames)}; get it anew",
        )
    shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
    if header.get("ModalityLUTSequence"):
        raise RefusedScan("bad_rescale", name, "a table turns stored values into others; expected a slope")
    for index, frame in enumerate(frames):

        def find(tag: str, own: Any = frame) -> Any:
            group, inner = GROUPS[tag] if isinstance(GROUPS[tag], tuple) else (GROUPS[tag], tag)
            for groups in (own, shared):
                sequence = groups.get(group) if groups is not None else None
                if sequence and sequence[0].get(inner) is not None:
                    return sequence[0].get(inner)
            return header.get(tag)

        yield Slice(
            file,
            index,
            pixels,
            _text(header.get("PatientID")),
            _text(header.get("StudyInstanceUID")),
            _text(header.get("SeriesInstanceUID")),
            _text(header.get("SeriesNumber")),
            _text(find("AcquisitionNumber")),
            _text(find("TemporalPositionIdentifier")),
            _text(find("ContentTime")),
            _words(find("ImageType")),
            " ".join(_words(find("ConvolutionKernel"))),
            (pixels.rows, pixels.columns),
            _floats(find("PixelSpacing"), 2),
            _floats(find("ImageOrientationPatient"), 6),
            _floats(find("ImagePositionPatient"), 3),
            (_float(find("RescaleSlope")), _float(find("RescaleIntercept"))),
            _text(find("RescaleType")).upper(),
        )


def _text(value: Any) -> str:
    """Return a value without the spaces around it, which count for nothing in DICOM."""
    return str(value or "").strip(" \0")


def _words(value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value or []
    return tuple(str(word).strip().upper() for word in values)


def _float(value: Any) -> float | None:
    if value is None or value == "":
        return None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _floats(value: Any, count: int) -> tuple[float, ...] | None:
    numbers = tuple(float(number) for number in value) if value is not None and value != "" else ()
    return numbers if len(numbers) == count else None


SHARP_WORDS = ("LUNG", "BONE", "EDGE", "ULTRA", "SHARP", "DETAIL")  # GE and others
SHARPEST_SMOOTH = {"FC": 29, "": 59}  # Toshiba and Canon FC30 and up; Siemens B60, Br60, I60 and up
SHARP_PHILIPS = ("D", "E", "L", "YC", "YD")


def is_sharp(kernel: str) -> bool:
    """Tell a kernel that sharpens edges and noise, as for bone or fine lung detail.

    By the makers' names: GE's LUNG, BONE, EDGE, DETAIL; Siemens' two digits from 60 on; Canon's FC30 and
    up; Philips' D, E, L, YC, YD. An unknown name is not sharp.

    >>> [is_sharp(kernel) for kernel in ("B40f", "B70f", "Br64d", "LUNG", "FC17", "FC51", "STANDARD", "")]
    [False, True, True, True, False, True, False, False]
    """
    name = kernel.upper().strip()
    if name.startswith(SHARP_WORDS) or name in SHARP_PHILIPS:
        return True
    match = re.match(r"(FC|[A-Z]{1,2})(\d{2})(?!\d)", name)
    return match is not None and int(match[2]) > SHARPEST_SMOOTH.get(match[1], SHARPEST_SMOOTH[""])
