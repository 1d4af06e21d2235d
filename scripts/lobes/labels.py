"""The five lobes by name, and what other programs call them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scripts.errors import UserError

__all__ = ["LABEL_TABLES", "LEFT", "LOBES", "LabelTable", "convert_labels", "lobe_classes"]

LOBES = ("left upper", "left lower", "right upper", "right middle", "right lower")  # labels 1 to 5
LEFT = (1, 2)  # labels of the patient's left lung


def lobe_classes() -> list[str]:
    """Return the classes of a lobe network by index: background, and the lobes."""
    return ["background", *LOBES]


@dataclass(frozen=True)
class LabelTable:
    """How a program numbers the lobes.

    Attributes:
        lobes: its label of each of :data:`LOBES`.
        largest: its largest label of any kind; what is no lobe is background.
    """

    lobes: Mapping[str, int]
    largest: int


def _table(first: int, largest: int) -> LabelTable:
    """Return the table of a program that numbers the lobes in our order from some label on."""
    return LabelTable({name: first + index for index, name in enumerate(LOBES)}, largest)


LABEL_TABLES = {
    "bundle": _table(1, largest=5),
    "lungmask": _table(1, largest=5),  # its models LTRCLobes and LTRCLobes_R231; R231 tells lungs, not lobes
    "totalsegmentator": _table(10, largest=117),  # task `total` of version 2, saved with --ml
    "totalsegmentator_v1": _table(13, largest=104),  # task `total` of version 1
}


def convert_labels(labels: np.ndarray, table: str = "bundle", name: str = "mask") -> np.ndarray:
    """Number the lobes as this bundle does, whatever the program that made the mask.

    Args:
        labels: whole numbers of any type, any shape.
        table: a key of :data:`LABEL_TABLES`.
        name: of the mask, for the message.

    Returns:
        uint8, same shape: 0 background, 1 to 5 as :data:`LOBES`.

    Raises:
        UserError: the table is unknown, or the mask holds what it does not.

    Example:
        >>> convert_labels(np.array([0, 5, 10, 13, 14]), "totalsegmentator")
        array([0, 0, 1, 4, 5], dtype=uint8)
    """
    if table not in LABEL_TABLES:
        raise UserError(f"lobe labels {table!r} are unknown; choose one of {', '.join(LABEL_TABLES)}")
    numbers = LABEL_TABLES[table]
    low, high = labels.min(), labels.max()
    whole = labels.dtype.kind in "iub" or bool((labels == np.round(labels)).all())
    if not whole or low < 0 or high > numbers.largest:
        raise UserError(
            f"{name}: values from {low:g} to {high:g}; lobe labels of {table!r} are whole numbers from 0 to "
            f"{numbers.largest}; choose among {', '.join(LABEL_TABLES)} the one that fits"
        )
    ours = np.zeros(numbers.largest + 1, dtype=np.uint8)
    for label, lobe in enumerate(LOBES, 1):
        ours[numbers.lobes[lobe]] = label
    return ours[labels.astype(np.intp, copy=False)]
