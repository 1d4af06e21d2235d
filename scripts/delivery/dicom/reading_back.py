"""DICOM objects read back: frames onto the voxels they say they lie on, reports into lines of text."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .source import SourceSeries

__all__ = ["frames_on_source", "report_lines"]

TOLERANCE = 0.05  # voxels


def frames_on_source(source: SourceSeries, dataset: Any) -> dict[int, np.ndarray]:
    """Put each frame where its own position, orientation and spacing say, and nowhere else.

    Nothing but the object's geometry is used: not the order of its frames, nor its references.

    Args:
        source: the series whose voxels the frames must lie on.
        dataset: a segmentation or a parametric map as pydicom reads it.

    Returns:
        A volume of shape ``(columns, rows, slices)`` for each segment number; of a map, for 1.

    Raises:
        ValueError: another frame of reference, or a frame that is not one of the source's planes.
    """
    if dataset.FrameOfReferenceUID != source.slices[0].FrameOfReferenceUID:
        raise ValueError("the object lies in another frame of reference")
    shared = dataset.SharedFunctionalGroupsSequence[0]
    volumes: dict[int, np.ndarray] = {}
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    for frame, group in zip(pixels, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        segment = 1
        if "SegmentIdentificationSequence" in group:
            segment = int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        index = _plane(source, shared, group.PlanePositionSequence[0].ImagePositionPatient)
        volume = volumes.setdefault(segment, np.zeros(source.shape, dtype=frame.dtype))
        volume[:, :, index] = frame.T
    return volumes


def _plane(source: SourceSeries, shared: Any, position: Any) -> int:
    """Return the slice whose voxels a frame covers."""
    along_row, along_column = np.reshape(
        shared.PlaneOrientationSequence[0].ImageOrientationPatient, (2, 3)
    ).astype(float)
    row_spacing, column_spacing = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    corner = np.asarray(position, dtype=float)
    columns, rows, _ = source.shape
    ends = [
        corner,
        corner + along_row * column_spacing * (columns - 1) + along_column * row_spacing * (rows - 1),
    ]
    world = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.c_[ends, [1, 1]].T  # LPS to RAS
    first, last = (np.linalg.inv(source.affine) @ world)[:3].T
    index = round(float(first[2]))
    apart = max(np.abs(first - [0, 0, index]).max(), np.abs(last - [columns - 1, rows - 1, index]).max())
    if apart > TOLERANCE or not 0 <= index < len(source.slices):
        raise ValueError(f"a frame at {position} lies {apart:.3f} voxels from the source's planes")
    return index


def report_lines(item: Any, depth: int = 0) -> Iterator[str]:
    """Yield a structured report's content as indented lines, ``name: value``.

    Args:
        item: the report, or an item of its content.
        depth: of the item.
    """
    name = item.ConceptNameCodeSequence[0].CodeMeaning if "ConceptNameCodeSequence" in item else "Image"
    yield f"{'  ' * depth}{name}: {_value(item)}".rstrip(": ")
    for child in item.get("ContentSequence", []):
        yield from report_lines(child, depth + 1)


def _value(item: Any) -> str:
    if item.ValueType == "NUM":
        measured = item.MeasuredValueSequence[0]
        return f"{measured.NumericValue} ({measured.MeasurementUnitsCodeSequence[0].CodeMeaning})"
    if item.ValueType == "CODE":
        code = item.ConceptCodeSequence[0]
        value = code.get("CodeValue") or code.get("LongCodeValue")
        return f"{code.CodeMeaning} ({value}, {code.CodingSchemeDesignator})"
    return str(item.get("TextValue") or item.get("UID") or item.get("PersonName") or "")
