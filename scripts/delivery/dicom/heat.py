"""A heat map as a DICOM parametric map, and as slices in colour for viewers that know no parametric maps."""

import math
from typing import Any

import nibabel
import numpy as np

from scripts.explanation import STRONGEST, most_attended

from .codes import GRADIENT_WEIGHTED_ACTIVATION, NO_UNITS, UTF_8, Code, highdicom
from .producer import Producer
from .source import LPS_TO_RAS, SourceSeries

__all__ = ["heat_captures", "heat_parametric_map"]

MAP_SERIES = 9003
CAPTURE_SERIES = 9004
CAPTION = "Research use only"
LARGEST_TEXT = 16  # pixels
LEAST_WIDTH = 256  # pixels, of a picture whose caption can be read
PLACE = (  # of the source slice: not in the object's own definition, but allowed, and viewers use it
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "ImageOrientationPatient",
    "SliceThickness",
)
DIRECTIONS = {"S": "H", "I": "F"}  # DICOM's head and foot are nibabel's superior and inferior
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
        series_number=MAP_SERIES,
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


def heat_captures(
    source: SourceSeries, heat: np.ndarray, explained: str, producer: Producer, window: tuple[float, float]
) -> list[Any]:
    """Return RGB secondary captures of the slice of the maximum and of those with the most heat.

    Each lies in its source slice's place in the frame of reference. Class and intended use are burned into
    the upper left corner. A slice of under 256 columns is enlarged by a whole factor first, each pixel
    repeated, so that they can be read.

    Args:
        source: the series that was explained.
        heat: 0 to 1, shape ``(columns, rows, slices)``.
        explained: the class that the heat speaks for.
        producer: whose network it was.
        window: level and width of the grey values, HU.

    Returns:
        A ``highdicom.sc.SCImage`` for each slice, in the slices' order, all of one series.

    Raises:
        ValueError: the shape is not the series'.
    """
    if heat.shape != source.shape:
        raise ValueError(f"heat of shape {heat.shape}; expected {source.shape}, that of {source.name}")
    hottest = int(heat.max(axis=(0, 1)).argmax())
    enlarged = math.ceil(LEAST_WIDTH / source.shape[0])
    series = highdicom().UID()
    captures = []
    for number, index in enumerate(sorted([hottest, *most_attended(heat, hottest)]), 1):
        picture = _blend(source.hounsfield(index), heat[:, :, index].T, window)
        picture = picture.repeat(enlarged, axis=0).repeat(enlarged, axis=1)
        capture = _capture(source, index, _captioned(picture, f"{CAPTION}. Heat: {explained}"), producer)
        _place(capture, source.slices[index], enlarged)
        capture.SeriesInstanceUID, capture.InstanceNumber = series, number
        capture.SeriesDescription = f"Chest CT heat overlay: {explained}; research use only"[:64]
        captures.append(capture)
    return captures


def _blend(hounsfield: np.ndarray, heat: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Lay the heat's colours over the grey slice, uint8, shape ``(rows, columns, 3)``."""
    from matplotlib import colormaps

    level, width = window
    grey = np.clip((hounsfield - level) / width + 0.5, 0, 1)[..., None]
    opacity = STRONGEST * heat[..., None]
    picture = (1 - opacity) * grey + opacity * colormaps["turbo"](heat)[..., :3]
    return np.round(255 * picture).astype(np.uint8)


def _captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """Write a line of text, as large as the picture's width allows, into the upper left corner.

    Yellow on a black rim can be read on air and on bone.
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(picture)
    fonts = (ImageFont.load_default(size) for size in range(LARGEST_TEXT, 0, -1))
    font = next(font for font in fonts if font.getbbox(text, stroke_width=1)[2] <= image.width - 4)
    ImageDraw.Draw(image).text((2, 2), text, (255, 255, 0), font, stroke_width=1, stroke_fill=(0, 0, 0))
    return np.asarray(image)


def _capture(source: SourceSeries, index: int, picture: np.ndarray, producer: Producer) -> Any:
    from pydicom import Dataset

    hd = highdicom()
    header = source.slices[index]
    along_row, along_column = nibabel.aff2axcodes(source.affine)[:2]
    equipment = producer.equipment()
    capture = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=header,
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=hd.UID(),
        series_number=CAPTURE_SERIES,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=equipment["manufacturer"],
        patient_orientation=(
            DIRECTIONS.get(along_row, along_row),
            DIRECTIONS.get(along_column, along_column),
        ),
        transfer_syntax_uid="1.2.840.10008.1.2.1",
    )
    capture.BurnedInAnnotation = header.get("BurnedInAnnotation", "NO")  # the caption names no patient
    capture.BodyPartExamined = "CHEST"  # without one the standard asks for a laterality
    capture.ManufacturerModelName = equipment["manufacturer_model_name"]
    capture.SoftwareVersions = equipment["software_versions"]
    reference = Dataset()
    reference.ReferencedSOPClassUID = header.SOPClassUID
    reference.ReferencedSOPInstanceUID = header.SOPInstanceUID
    capture.SourceImageSequence = [reference]
    return capture


def _place(capture: Any, header: Any, enlarged: int) -> None:
    """Put a capture where its source slice is; each of the slice's pixels became ``enlarged`` squared."""
    from pydicom.valuerep import DSfloat

    for keyword in PLACE:
        if keyword in header:
            setattr(capture, keyword, getattr(header, keyword))
    between_rows, between_columns = map(float, header.PixelSpacing)
    along_row, along_column = np.reshape(header.ImageOrientationPatient, (2, 3)).astype(float)
    corner = np.array(header.ImagePositionPatient, dtype=float)  # centre of the first pixel
    inwards = along_row * between_columns + along_column * between_rows
    corner -= inwards * (1 - 1 / enlarged) / 2
    spacing = (between_rows / enlarged, between_columns / enlarged)
    capture.ImagePositionPatient = [DSfloat(value, auto_format=True) for value in corner.tolist()]
    capture.PixelSpacing = [DSfloat(value, auto_format=True) for value in spacing]
