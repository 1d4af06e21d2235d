"""What the headers of DICOM files say, one record a slice; no field that identifies a patient is shown."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..refusal import RefusedScan
from ..scan_files import ScanFile, opener

__all__ = ["Slice", "read_slices"]

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2.1"
HEADER_TAGS = [
    "Modality",
    "SOPClassUID",
    "PatientID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "ImageType",
    "ConvolutionKernel",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]
GROUPS = {  # of an enhanced CT: where a frame keeps what else a slice has at the top
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "ImagePositionPatient": "PlanePositionSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "ConvolutionKernel": "CTReconstructionSequence",
}


@dataclass(frozen=True)
class Slice:
    """A slice of a CT, from its header.

    Attributes:
        file: that holds it.
        frame: its number in the file, from 0.
        patient: id or "", only to be compared and turned into a key.
        series: SeriesInstanceUID, only to be compared.
        series_number: as written, or "".
        image_type: words in capitals, such as ORIGINAL, PRIMARY, AXIAL.
        kernel: as written, or "".
        size: rows, columns.
        spacing: mm between rows, between columns.
        orientation: direction cosines along a row, then along a column (LPS+).
        position: of the first pixel's centre, mm (LPS+).
        rescale: slope, intercept.
    """

    file: ScanFile
    frame: int
    patient: str
    series: str
    series_number: str
    image_type: tuple[str, ...]
    kernel: str
    size: tuple[int, int]
    spacing: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    rescale: tuple[float, float] | None


def read_slices(files: list[ScanFile], name: str) -> list[Slice]:
    """Read the headers of the CT slices among files.

    A CT is of the storage class CT Image or Enhanced CT Image, or, where the class is missing, of the
    modality CT. Objects of other classes (reports, plans, structures, segmentations) are passed over.

    Args:
        files: DICOM.
        name: of the scan, for messages.

    Raises:
        RefusedScan: ``not_ct`` where there is none, ``unreadable``, ``bad_rescale``.
    """
    import pydicom
    from pydicom.config import disable_value_validation

    slices: list[Slice] = []
    others: set[str] = set()
    with disable_value_validation(), warnings.catch_warnings(), opener() as open_file:
        warnings.simplefilter("ignore")  # pydicom's warnings repeat what a header holds
        for file in files:
            try:
                with open_file(file) as content:
                    header = pydicom.dcmread(content, stop_before_pixels=True, specific_tags=HEADER_TAGS)
                if _is_ct(header):
                    slices += _slices(header, file)
                else:
                    others.add(str(header.get("Modality") or "?"))
            except RefusedScan:
                raise
            except Exception as error:  # pydicom raises many kinds for damaged headers
                raise RefusedScan(
                    "unreadable",
                    name,
                    f"the header of {file.base_name[:60]} is damaged ({type(error).__name__}); get it anew",
                ) from error
    if not slices:
        found = ", ".join(sorted(other[:16] for other in others))
        raise RefusedScan("not_ct", name, f"DICOM of modality {found or 'none'}; expected one CT series")
    return slices


def _is_ct(header: Any) -> bool:
    kind, modality = header.get("SOPClassUID"), header.get("Modality")
    if kind and modality:
        return modality == "CT" and kind in (CT_IMAGE, ENHANCED_CT_IMAGE)
    return modality == "CT" or kind in (CT_IMAGE, ENHANCED_CT_IMAGE)


def _slices(header: Any, file: ScanFile) -> Iterator[Slice]:
    frames = header.get("PerFrameFunctionalGroupsSequence") or [None] * int(header.get("NumberOfFrames") or 1)
    shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
    for index, frame in enumerate(frames):

        def find(tag: str, own: Any = frame) -> Any:
            for group in (own, shared):
                sequence = group.get(GROUPS[tag]) if group is not None else None
                if sequence and sequence[0].get(tag) is not None:
                    return sequence[0].get(tag)
            return header.get(tag)

        yield Slice(
            file,
            index,
            str(header.get("PatientID") or ""),
            str(header.get("SeriesInstanceUID")),
            str(header.get("SeriesNumber") or ""),
            _words(header.get("ImageType")),
            " ".join(_words(find("ConvolutionKernel"))),
            (int(header.Rows), int(header.Columns)),
            _floats(find("PixelSpacing"), 2),
            _floats(find("ImageOrientationPatient"), 6),
            _floats(find("ImagePositionPatient"), 3),
            _rescale(find),
        )


def _rescale(find: Any) -> tuple[float, float] | None:
    slope, intercept = find("RescaleSlope"), find("RescaleIntercept")
    return None if slope is None and intercept is None else (float(slope or 0), float(intercept or 0))


def _words(value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value or []
    return tuple(str(word).strip().upper() for word in values)


def _floats(value: Any, count: int) -> tuple[float, ...] | None:
    numbers = tuple(float(number) for number in value) if value is not None and value != "" else ()
    return numbers if len(numbers) == count else None
