"""What a datalist or a command line says of a scan that the scan does not say of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from .declarable import AXIS, DECLARED_FIELDS, DeclarableFields, wrong_fields
from .refusal import RefusedScan

__all__ = ["Declaration"]


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
        affine[AXIS[letter], column] = spacing[column] if letter in "RAS" else -spacing[column]
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    affine[3, 3] = 1.0
    return affine
