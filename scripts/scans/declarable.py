"""The schema of what may be declared of a scan: fields, their types and bounds, and every error at once."""

from collections.abc import Callable
from functools import reduce
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

__all__ = [
    "AXIS",
    "DECLARED_FIELDS",
    "LARGEST_SPACING",
    "SMALLEST_SPACING",
    "DeclarableFields",
    "wrong_fields",
]

SMALLEST_SPACING, LARGEST_SPACING = 0.05, 50.0  # mm; coarser than any chest CT, finer than any
AXIS = {letter: axis for axis, pair in enumerate(("RL", "AP", "SI")) for letter in pair}


def _must(holds: Callable[[Any], bool]) -> AfterValidator:
    """Refuse a value for which something does not hold; the field's description says what was expected."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise ValueError
        return value

    return AfterValidator(check)


def _without_flags(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError
    return value


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Number = Annotated[float, BeforeValidator(_without_flags), Field(allow_inf_nan=False)]
Step = Annotated[Number, Field(ge=SMALLEST_SPACING, le=LARGEST_SPACING)]
Name = Annotated[str, Field(min_length=1), BeforeValidator(_number_as_text)]
Names = Annotated[tuple[Name, ...], _must(lambda names: len(set(names)) == len(names))]
Pair = tuple[Number, Number]


class DeclarableFields(BaseModel):
    """What may be declared of a scan, in a datalist's item or on a command line; None or empty: nothing.

    A field's ``description`` is what is expected of it, and ends the message that refuses it.
    """

    slices: Names | None = Field(None, description="a list of file names, each once")
    series: Name | None = Field(None, description="a SeriesNumber, a SeriesInstanceUID or a listed name")
    intensity: Annotated[str, StringConstraints(to_lower=True, pattern="^(?i:hu|windowed)$")] | None = Field(
        None, description="HU or windowed"
    )
    window: Annotated[Pair, _must(lambda window: window[1] > 0)] | None = Field(
        None, description="(level, width) in HU, two numbers, the width positive"
    )
    grey_range: Annotated[Pair, _must(lambda ends: ends[0] < ends[1])] | None = Field(
        None, description="(black, white), two numbers, the first less than the second"
    )
    spacing: tuple[Step, Step, Step] | None = Field(
        None, description=f"three numbers of mm, {SMALLEST_SPACING} to {LARGEST_SPACING:g}"
    )
    orientation: (
        Annotated[str, StringConstraints(to_upper=True), _must(lambda axes: _axes(axes) == [0, 1, 2])] | None
    ) = Field(None, description="three letters such as LPI")

    @field_validator(
        "slices", "series", "intensity", "window", "grey_range", "spacing", "orientation", mode="before"
    )
    @classmethod
    def _empty_declares_nothing(cls, value: Any) -> Any:
        return None if isinstance(value, (str, list, tuple)) and not value else value

    @model_validator(mode="after")
    def _windows_are_of_windowed_scans(self) -> Self:
        for field in ("window", "grey_range"):
            if self.intensity != "windowed" and getattr(self, field) is not None:
                raise ValueError(f"{field} is given; expected none, unless intensity is windowed")
        return self


def _axes(orientation: str) -> list[int]:
    return sorted(AXIS.get(letter, -1) for letter in orientation)


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
