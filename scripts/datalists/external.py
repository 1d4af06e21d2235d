"""Another data set's scans, all of them to test on, with its labels read as a network's classes."""

from pathlib import Path
from typing import Any

from scripts.errors import UserError

from .classes import CLASSES
from .reading import ClassNames, LabelMapping, read_datalist

__all__ = ["external_items"]


def external_items(
    path: str | Path, label_mapping: LabelMapping | None = None, classes: ClassNames = CLASSES
) -> dict[str, list[dict[str, Any]]]:
    """Return all scans of a datalist, whatever their list, as test scans.

    Args:
        path: a ``datalist.json`` that no network was trained on.
        label_mapping: from the labels in the file to the network's classes, by name or index; scans of a
            label that is mapped to None are left out. Without it, the names that the file gives its classes
            decide, and where it names none, its numbers.
        classes: the network's.

    Returns:
        ``{"train": [], "select": [], "report": [...], "test": [...]}``.

    Raises:
        UserError: as :func:`read_datalist`; or a label means none of the network's classes, or no scan
            is left.
    """
    lists = read_datalist(path, False, label_mapping, classes)
    scans = [scan for items in lists.values() for scan in items]
    if not scans:
        raise UserError(f"{path}: no scan is left to test on")
    return {"train": [], "select": [], "report": scans, "test": scans}
