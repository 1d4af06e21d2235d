"""What a datalist or a command line says of a scan that the scan does not say of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)

from .refusal import RefusedScan

__all__ = ["DECLARED_FIELDS", "DeclarableFields", "Declaration", "wrong_fields"]

SMALLEST_SPACING, LARGEST_SPACING = 0.05, 50.0  # mm; coarser than any chest CT, finer than any
_AXIS = {letter: axis for axis, pair in enumerate(("RL", "AP", "SI")) for letter in pair}


def _something(value: Any) -> Any:
    """Return None for what declares nothing."""
    return None if isinstance(value, (str, list, tuple)) and not value else value


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a name is there twice")
    return names


def _positive_width(window: tuple[float, float]) -> tuple[float, float]:
    if window[1] <= 0:
        raise ValueError("the width is not positive")
    return window


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] >= ends[1]:
        raise ValueError("black is not less than white")
    return ends


def _three_axes(orientation: str) -> str:
    if sorted(_AXIS.get(letter, -1) for letter in orientation) != [0, 1, 2]:
        raise ValueError("these are not three axes")
    return orientation


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_no_flag), Field(allow_inf_nan=False)]
Step = Annotated[Number, Field(ge=SMALLEST_SPACING, le=LARGEST_SPACING)]
Name = Annotated[str, Field(min_length=1), BeforeValidator(_number_as_text)]
Names = Annotated[tuple[Name, ...], AfterValidator(_each_once)]
Window = Annotated[tuple[Number, Number], AfterValidator(_positive_width)]
Ends = Annotated[tuple[Number, Number], AfterValidator(_rising)]
Axes = Annotated[str, BeforeValidator(_upper), AfterValidator(_three_axes)]
Kind = Annotated[Literal["hu", "windowed"], BeforeValidator(_lower)]


class DeclarableFields(BaseModel):
    """What may be declared of a scan, in a datalist's item or on a command line; None or empty: nothing.

    A field's ``description`` is what is expected of it, and ends the message that refuses it.
    """

    slices: Annotated[Names | None, BeforeValidator(_something)] = Field(
        None, description="a list of file names, each once"
    )
    series: Annotated[Name | None, BeforeValidator(_something)] = Field(
        None, description="a SeriesNumber, a SeriesInstanceUID or a listed name"
    )
    intensity: Annotated[Kind | None, BeforeValidator(_something)] = Field(None, description="HU or windowed")
    window: Annotated[Window | None, BeforeValidator(_something)] = Field(
        None, description="(level, width) in HU, two numbers, the width positive"
    )
    grey_range: Annotated[Ends | None, BeforeValidator(_something)] = Field(
        None, description="(black, white), two numbers, the first less than the second"
    )
    spacing: Annotated[tuple[Step, Step, Step] | None, BeforeValidator(_something)] = Field(
        None, description=f"three numbers of mm, {SMALLEST_SPACING} to {LARGEST_SPACING:g}"
    )
    orientation: Annotated[Axes | None, BeforeValidator(_something)] = Field(
        None, description="three letters such as LPI"
    )

    @model_validator(mode="after")
    def _windows_are_of_windowed_scans(self) -> Self:
        for field in ("window", "grey_range"):
            if self.intensity != "windowed" and getattr(self, field) is not None:
                raise ValueError(f"{field} is given; expected none, unless intensity is windowed")
        return self


DECLARED_FIELDS = tuple(DeclarableFields.model_fields)


def wrong_fields(
    error: ValidationError, schema: type[BaseModel], given: Any
) -> dict[tuple[int | str, ...], str]:
    """Return the place of each wrong field, and in words what is there and what was expected.

    Args:
        error: of pydantic.
        schema: of the fields, each with a ``description``.
        given: what was validated.
    """
    found: dict[tuple[int | str, ...], str] = {}
    for each in error.errors():
        place = each["loc"]
        depth = next((k for k, key in enumerate(place) if key in schema.model_fields), None)
        expected = None if depth is None else schema.model_fields[str(place[depth])].description
        if depth is None or (expected is None and each["type"] != "missing"):  # it says all in its own words
            found.setdefault(place, str(each.get("ctx", {}).get("error", each["msg"])))
            continue
        place, field = place[: depth + 1], str(place[depth])
        if each["type"] == "missing" and place == each["loc"]:
            found[place] = f"no {field!r}"
            continue
        value = str(reduce(lambda inner, key: inner[key], place, given))[:60]
        found[place] = f"{field} is {value!r}; expected {expected}"
    return found


@dataclass(frozen=True)
class Declaration:
    """What is declared of one scan; None where nothing is.

    Attributes:
        slices: file names in a folder that are the scan: of pictures in this order, of DICOM a choice.
        series: of a DICOM folder with several: the SeriesInstanceUID, the SeriesNumber, or the short
            name that the refusal ``several_series`` lists.
        window: ``(level, width)`` in HU of the display window whose grey levels the voxels are; declared
            by ``intensity: windowed``.
        grey_range: ``(black, white)``, the grey levels of the window's ends; of 8 bits 0 and 255.
        spacing: mm along the stored axes (columns, rows, slices); wins over the file's.
        orientation: where the stored axes lead to, such as "LPI" (left, posterior, inferior); wins over
            the file's.
    """

    slices: tuple[str, ...] | None = None
    series: str | None = None
    window: tuple[float, float] | None = None
    grey_range: tuple[float, float] | None = None
    spacing: tuple[float, float, float] | None = None
    orientation: str | None = None

    @classmethod
    def of(cls, item: Mapping[str, Any], name: str = "scan") -> "Declaration":
        """Return what an item of a data set declares, in :data:`DECLARED_FIELDS`.

        Args:
            item: other fields are passed over; a field that is None or empty declares nothing.
            name: of the scan, for messages.

        Raises:
            RefusedScan: ``bad_declaration``; the message names every wrong field.
        """
        given = {field: item[field] for field in DECLARED_FIELDS if field in item}
        try:
            fields = dict(DeclarableFields.model_validate(given))
        except ValidationError as error:
            wrong = "; ".join(wrong_fields(error, DeclarableFields, given).values())
            raise RefusedScan("bad_declaration", name, wrong) from None
        if fields.pop("intensity") == "windowed" and fields["window"] is None:
            raise RefusedScan(
                "bad_declaration",
                name,
                "window is not given; expected the (level, width) in HU that these grey levels show",
            )
        return cls(**fields)

    @property
    def intensity(self) -> str:
        """What the voxels are: ``HU``, or the window whose grey levels they are.

        >>> Declaration(window=(-600.0, 1500.0)).intensity
        'windowed -600 1500'
        """
        if self.window is None:
            return "HU"
        numbers = (*self.window, *(self.grey_range or ()))
        return " ".join(["windowed", *(f"{number:g}" for number in numbers)])

    def affine(self, shape: Sequence[int], affine: np.ndarray) -> np.ndarray:
        """Return an affine with the declared spacing and orientation in place of its own.

        What is not declared stays. A declared orientation lays the axes along the world's and centres the
        volume in it; a declared spacing alone only stretches.

        Args:
            shape: of the volume.
            affine: ``(4, 4)``, of the file.
        """
        result = affine.copy()
        own = np.linalg.norm(affine[:3, :3], axis=0)
        if self.orientation:
            result = axes_affine(self.orientation, self.spacing or own, shape)
        elif self.spacing:
            result[:3, :3] *= np.array(self.spacing) / np.where(own > 0, own, 1)
        return result


def axes_affine(orientation: str, spacing: Sequence[float] | np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return the affine of a volume whose axes lead where the letters say, centred in the world.

    >>> axes_affine("LPI", (1.0, 1.0, 5.0), (3, 3, 3)).astype(int).tolist()
    [[-1, 0, 0, 1], [0, -1, 0, 1], [0, 0, -5, 5], [0, 0, 0, 1]]
    """
    affine = np.zeros((4, 4))
    for column, letter in enumerate(orientation):
        affine[_AXIS[letter], column] = spacing[column] if letter in "RAS" else -spacing[column]
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    affine[3, 3] = 1.0
    return affine
