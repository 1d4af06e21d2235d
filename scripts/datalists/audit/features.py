"""The features that carry no lesion, one value a scan."""

from collections.abc import Mapping, Sequence
from typing import Any

from .measuring import Measurement

__all__ = ["feature_table", "subjects"]

FROM_ITEM = ("source", "intensity", "sex", "age")


def feature_table(
    items: Sequence[Mapping[str, Any]], measured: Mapping[str, Measurement]
) -> dict[str, list[Any]]:
    """Gather what datalist, header and background tell of each scan.

    Args:
        items: of the datalist.
        measured: by ``key``.

    Returns:
        Name to values, None where unknown; features that nobody has are absent.
    """
    rows = []
    for item in items:
        known = measured[item["key"]]
        row = {name: item.get(name) for name in FROM_ITEM}
        masked = item.get("masked_body", known.masked_body)
        row |= known.header | known.background
        row["masked_body"] = None if masked is None else "yes" if masked else "no"
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    table = {name: [row.get(name) for row in rows] for name in names}
    return {name: values for name, values in table.items() if any(value is not None for value in values)}


def subjects(items: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[str]]:
    """Return label and patient of each scan."""
    return [int(item["label"]) for item in items], [str(item["patient"]) for item in items]
