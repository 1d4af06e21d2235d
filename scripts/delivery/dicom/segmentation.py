"""A label map of lobes as a DICOM segmentation."""

from typing import Any

import numpy as np

from scripts.errors import UserError

from .codes import ANATOMICAL_STRUCTURE, LEFT, LOWER_LOBE, MIDDLE_LOBE, RIGHT, UPPER_LOBE, Code, highdicom
from .producer import Producer, unknown_algorithm
from .source import SourceSeries

__all__ = ["LOBES", "lobe_segmentation"]

SERIES_NUMBER = 9002
LOBES: list[tuple[str, Code, Code | None, tuple[int, int, int]]] = [  # label 1 on: name, code, side, RGB
    ("left upper lobe", UPPER_LOBE, LEFT, (230, 159, 0)),
    ("left lower lobe", LOWER_LOBE, LEFT, (86, 180, 233)),
    ("right upper lobe", UPPER_LOBE, RIGHT, (0, 158, 115)),
    ("right middle lobe", MIDDLE_LOBE, None, (240, 228, 66)),  # its code says the side
    ("right lower lobe", LOWER_LOBE, RIGHT, (204, 121, 167)),
]


def lobe_segmentation(source: SourceSeries, lobes: np.ndarray, producer: Producer) -> Any:
    """Return a BINARY segmentation with five segments; planes without a lobe are left out.

    Args:
        source: the series that was segmented.
        lobes: labels as this bundle numbers them (1 left upper, 2 left lower, 3 right upper, 4 right middle,
            5 right lower, 0 elsewhere), shape ``(columns, rows, slices)``.
        producer: names the lobe network by its weights; without any, the segments say that the lobes were
            made elsewhere.

    Returns:
        A ``highdicom.seg.Segmentation`` in the series' study and frame of reference.

    Raises:
        UserError: the shape is not the series', a label is not 0 to 5, or there is no lobe.
    """
    if lobes.shape != source.shape:
        raise UserError(f"lobes of shape {lobes.shape}; expected {source.shape}, that of {source.name}")
    labels = np.unique(lobes).tolist()
    if not set(labels) <= set(range(len(LOBES) + 1)):
        raise UserError(f"lobes have labels {labels[:10]}; expected 0 to {len(LOBES)}")
    if labels == [0]:
        raise UserError("lobes have no voxel; expected at least one lobe")
    hd = highdicom()
    segmentation = hd.seg.Segmentation(
        source_images=source.slices,
        pixel_array=np.ascontiguousarray(lobes.T).astype(np.uint8),  # frames, rows, columns
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_describe(number, producer) for number in range(1, len(LOBES) + 1)],
        series_instance_uid=hd.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        content_label="LOBES",
        content_description="Lobes of the lungs; research use only",
        **producer.equipment(),
    )
    segmentation.SeriesDescription = "Chest CT lobes; research use only"
    return segmentation


def _describe(number: int, producer: Producer) -> Any:
    hd = highdicom()
    made_here = bool(producer.weights)
    name, code, side, colour = LOBES[number - 1]
    description = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=ANATOMICAL_STRUCTURE.concept(),
        segmented_property_type=code.concept(),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=producer.algorithm("Chest CT lobes") if made_here else unknown_algorithm(),
        display_color=hd.color.CIELabColor.from_rgb(*colour),
    )
    if side:
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [
            side.concept()
        ]
    return description
