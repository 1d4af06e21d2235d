"""Slices under the heat, in colour, for viewers that know no parametric maps."""

import math
from typing import Any

import nibabel
import numpy as np

from scripts.explanation import STRONGEST, most_attended

from .codes import highdicom
from .producer import Producer
from .source import SourceSeries

__all__ = ["heat_captures"]

SERIES_NUMBER = 9004
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
        series_number=SERIES_NUMBER,
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
