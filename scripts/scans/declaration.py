"""What a datalist or a command line says of a scan that the scan does not say of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .refusal import RefusedScan

__all__ = ["DECLARED_FIELDS", "Declaration"]

DECLARED_FIELDS = ("slices", "series", "intensity", "window", "grey_range", "spacing", "orientation")
SMALLEST_SPACING, LARGEST_SPACING = 0.05, 50.0  # mm; coarser than any chest CT, finer than any


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
            RefusedScan: ``bad_declaration``.
        """
        given = {field: item[field] for field in DECLARED_FIELDS if item.get(field) not in (None, "", [], ())}
        windowed = str(given.get("intensity", "HU")).lower()
        if windowed not in ("hu", "windowed"):
            raise _wrong(name, "intensity", given["intensity"], "HU or windowed")
        for field in ("window", "grey_range"):
            if windowed == "hu" and field in given:
                raise _wrong(name, field, given[field], "none, unless intensity is windowed")
        if windowed == "windowed" and "window" not in given:
            raise _wrong(name, "window", None, "the (level, width) in HU that these grey levels show")
        orientation = str(given.get("orientation", "RAS")).upper()
        if sorted(_AXIS.get(letter, -1) for letter in orientation) != [0, 1, 2]:
            raise _wrong(name, "orientation", given["orientation"], "three letters such as LPI")
        slices = given.get("slices")
        if slices is not None and (isinstance(slices, str) or len(set(slices)) < len(slices)):
            raise _wrong(name, "slices", slices, "a list of file names, each once")
        window = _numbers(given, "window", 2, name)
        grey_range = _numbers(given, "grey_range", 2, name)
        spacing = _numbers(given, "spacing", 3, name)
        if window and window[1] <= 0:
            raise _wrong(name, "window", window, "(level, width) in HU, with a positive width")
        if grey_range and grey_range[0] >= grey_range[1]:
            raise _wrong(name, "grey_range", grey_range, "(black, white), the first less than the second")
        if spacing and not all(SMALLEST_SPACING <= size <= LARGEST_SPACING for size in spacing):
            raise _wrong(name, "spacing", spacing, f"mm, {SMALLEST_SPACING} to {LARGEST_SPACING:g}")
        return cls(
            None if slices is None else tuple(map(str, slices)),
            str(given["series"]) if "series" in given else None,
            window,
            grey_range,
            spacing,
            orientation if "orientation" in given else None,
        )

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


_AXIS = {letter: axis for axis, pair in enumerate(("RL", "AP", "SI")) for letter in pair}


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


def _numbers(given: Mapping[str, Any], field: str, count: int, name: str) -> Any:
    if field not in given:
        return None
    try:
        numbers = tuple(float(number) for number in given[field])
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise _wrong(name, field, given[field], f"{count} numbers")
    return numbers


def _wrong(name: str, field: str, found: object, expected: str) -> RefusedScan:
    return RefusedScan("bad_declaration", name, f"{field} is {str(found)[:60]!r}; expected {expected}")
