"""Lobes of a series, numbered as here and on its voxels, as a DICOM segmentation; and who made them."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from torch.nn.functional import one_hot

from scripts.errors import UserError
from scripts.lobes import LobeMap, LobeUNet, labels_on_scan, read_lobes
from scripts.scans import Scan

from .codes import ANATOMICAL_STRUCTURE, LEFT, LOWER_LOBE, MIDDLE_LOBE, RIGHT, UPPER_LOBE, Code, highdicom
from .producer import Producer, unknown_algorithm
from .source import SourceSeries

__all__ = ["LOBES", "lobe_producer", "lobe_segmentation", "lobes_on_source", "read_mask"]

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


def read_mask(source: SourceSeries, path: str | Path, table: str = "bundle") -> LobeMap:
    """Read a lobe mask of a series.

    Args:
        source: the series.
        path: NIfTI, NRRD or MHA on its voxels, in any orientation.
        table: how its labels are numbered, a key of ``scripts.lobes.LABEL_TABLES``.

    Raises:
        UserError: it cannot be read, is not the series', or its labels are not of that table.
    """
    return read_lobes(path, _geometry(source), table)


def lobes_on_source(source: SourceSeries, lobes: LobeMap) -> np.ndarray:
    """Return the label of each voxel of a series, ``(columns, rows, slices)``.

    Args:
        source: the series.
        lobes: on the series' own voxels, as a mask is, or on the lobe network's larger ones.

    Raises:
        UserError: they cannot be a patient's lobes, as happens where a mask is numbered in another way.
    """
    flags = lobes.flags()
    if flags:
        raise UserError(
            f"{source.name}: these cannot be a patient's lobes ({', '.join(flags)}); expected all five, each "
            f"in its place; say how the mask is numbered (lobe_labels; docs/lobes.md), or leave it out"
        )
    own = _geometry(source)
    if lobes.labels.shape == own.voxels.shape and np.allclose(lobes.affine, own.affine, atol=1e-3):
        axes = (nibabel.io_orientation(affine) for affine in (lobes.affine, source.affine))
        return nibabel.apply_orientation(lobes.labels, nibabel.orientations.ornt_transform(*axes))
    classes = one_hot(torch.from_numpy(lobes.labels.astype(np.int64)), len(LOBES) + 1).movedim(-1, 0)
    return labels_on_scan(classes, lobes.affine, source.affine, source.shape)


def lobe_producer(lobes: LobeMap, version: str) -> Producer:
    """Say who made the lobes: the lobe network by its weights; nobody known, for a mask.

    Args:
        lobes: with the network's SHA-256 where one made them.
        version: of the bundle.
    """
    return Producer(version, lobes.weights, LobeUNet.__name__) if lobes.weights else Producer(version)


def _geometry(source: SourceSeries) -> Scan:
    nothing = np.broadcast_to(np.int16(0), source.shape)
    return Scan.from_array(nothing, source.affine, source.name)
