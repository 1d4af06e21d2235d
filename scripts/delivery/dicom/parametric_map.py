"""A heat map as a DICOM parametric map of floats."""

from typing import Any

import numpy as np

from .codes import GRADIENT_WEIGHTED_ACTIVATION, NO_UNITS, UTF_8, Code, highdicom
from .producer import Producer
from .source import SourceSeries

__all__ = ["heat_parametric_map"]

SERIES_NUMBER = 9003


def heat_parametric_map(
    source: SourceSeries,
    heat: np.ndarray,
    explained: str,
    producer: Producer,
    quantity: Code = GRADIENT_WEIGHTED_ACTIVATION,
) -> Any:
    """Return the heat as float pixels, from the first slice that has some to the last.

    Args:
        source: the series that was explained.
        heat: 0 to 1, shape ``(columns, rows, slices)``.
        explained: the class that the heat speaks for.
        producer: whose network it was.
        quantity: what the heat is, by the method that made it.

    Returns:
        A ``highdicom.pm.ParametricMap`` in the series' study and frame of reference.

    Raises:
        ValueError: the shape is not the series', a value is not in 0 to 1, or all are 0.
    """
    if heat.shape != source.shape:
        raise ValueError(f"heat of shape {heat.shape}; expected {source.shape}, that of {source.name}")
    if not (heat.min() >= 0 and heat.max() <= 1):
        raise ValueError(f"heat from {heat.min():g} to {heat.max():g}; expected 0 to 1")
    hot = np.flatnonzero(heat.any(axis=(0, 1)))
    if not len(hot):
        raise ValueError("heat is 0 everywhere; expected some")
    shown = slice(int(hot[0]), int(hot[-1]) + 1)
    hd = highdicom()
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="HEAT",
        lut_explanation=f"1 is the scan's maximum; class: {explained}"[:64],
        unit=NO_UNITS.concept(),
        value_range=(0.0, 1.0),
        slope=1.0,
        intercept=0.0,
        quantity_definition=quantity.concept(),
    )
    result = hd.pm.ParametricMap(
        source_images=source.slices[shown],
        pixel_array=np.ascontiguousarray(heat[:, :, shown].T, dtype=np.float32),  # frames, rows, columns
        series_instance_uid=hd.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[hd.VOILUTTransformation(window_center=0.5, window_width=1.0)],
        content_label="HEAT_MAP",
        specific_character_set=UTF_8,
        content_description=f"Heat map; class: {explained}; research use only"[:64],
        **producer.equipment(),
    )
    result.BodyPartExamined = "CHEST"  # without one the standard asks for a laterality
    result.SeriesDescription = f"Chest CT heat map: {explained}; research use only"[:64]
    return result
