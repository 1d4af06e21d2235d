"""A heat map as a DICOM parametric map, on a grid as fine as heat maps are."""

from typing import Any

import numpy as np

from .codes import GRADIENT_WEIGHTED_ACTIVATION, NO_UNITS, UTF_8, Code, highdicom
from .producer import Producer
from .source import LPS_TO_RAS, SourceSeries

__all__ = ["heat_parametric_map"]

SERIES_NUMBER = 9003
FINEST = 4.0  # mm: a network's cells are several times as large, so finer voxels would hold nothing more
LARGEST = 2**16 - 1  # the stored value of the scan's maximum


def heat_parametric_map(
    source: SourceSeries,
    heat: np.ndarray,
    explained: str,
    producer: Producer,
    quantity: Code = GRADIENT_WEIGHTED_ACTIVATION,
    finest: float = FINEST,
) -> Any:
    """Return the heat in 16 bits, from the first slice that has some to the last.

    Blocks of up to ``finest`` mm along each axis become one voxel, which holds their maximum; stored
    values from 0 to 65535 mean 0 to 1.

    Args:
        source: the series that was explained.
        heat: 0 to 1, shape ``(columns, rows, slices)``.
        explained: the class that the heat speaks for.
        producer: whose network it was.
        quantity: what the heat is, by the method that made it.
        finest: mm; 0 keeps every voxel.

    Returns:
        A ``highdicom.pm.ParametricMap`` in the series' study and frame of reference.

    Raises:
        ValueError: the shape is not the series', a value is not in 0 to 1, or all are 0.
    """
    if heat.shape != source.shape:
        raise ValueError(f"heat of shape {heat.shape}; expected {source.shape}, that of {source.name}")
    if not (heat.min() >= 0 and heat.max() <= 1):
        raise ValueError(f"heat from {heat.min():g} to {heat.max():g}; expected 0 to 1")
    if not heat.any():
        raise ValueError("heat is 0 everywhere; expected some")
    hd = highdicom()
    thinned, affine = _thinned(heat, source.affine, finest)
    volume = hd.Volume(
        np.ascontiguousarray(np.round(LARGEST * thinned).astype(np.uint16).T),  # frames, rows, columns
        LPS_TO_RAS @ affine[:, [2, 1, 0, 3]],
        coordinate_system="PATIENT",
        frame_of_reference_uid=source.slices[0].FrameOfReferenceUID,
    )
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="HEAT",
        lut_explanation=f"1 is the scan's maximum; class: {explained}"[:64],
        unit=NO_UNITS.concept(),
        value_range=(0, LARGEST),
        slope=1 / LARGEST,
        intercept=0.0,
        quantity_definition=quantity.concept(),
    )
    result = hd.pm.ParametricMap(
        source_images=source.slices,
        pixel_array=volume,
        series_instance_uid=hd.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[hd.VOILUTTransformation(window_center=LARGEST / 2, window_width=LARGEST)],
        content_label="HEAT_MAP",
        specific_character_set=UTF_8,
        content_description=f"Heat map; class: {explained}; research use only"[:64],
        **producer.equipment(),
    )
    result.BodyPartExamined = "CHEST"  # without one the standard asks for a laterality
    result.BurnedInAnnotation = "NO"
    result.SeriesDescription = f"Chest CT heat map: {explained}; research use only"[:64]
    return result


def _thinned(heat: np.ndarray, affine: np.ndarray, finest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the maxima of blocks, of the slices with heat, and the affine of their centres (RAS+)."""
    hot = np.flatnonzero(heat.any(axis=(0, 1)))
    heat = heat[:, :, hot[0] : hot[-1] + 1]
    steps = np.maximum(1, finest // np.linalg.norm(affine[:3, :3], axis=0)).astype(int)
    heat = np.pad(heat, [(0, -size % step) for size, step in zip(heat.shape, steps, strict=True)])
    for axis, step in enumerate(steps.tolist()):
        starts = range(0, heat.shape[axis], step)
        heat = np.maximum.reduceat(heat, list(starts), axis=axis)
    to_source = np.diag([*steps, 1]).astype(float)
    to_source[:3, 3] = (steps - 1) / 2 + [0, 0, hot[0]]
    return heat, affine @ to_source
