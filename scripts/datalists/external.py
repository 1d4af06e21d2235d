"""Another data set's scans, all of them to report on, with its labels read as ours."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.errors import UserError

from .reading import LISTS, checked_items, load_datalist

__all__ = ["external_items"]


def external_items(
    path: str | Path, label_mapping: Mapping[Any, int | None] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Return all scans of a datalist, whatever their list, as those that are reported on.

    Args:
        path: a ``datalist.json`` that no network was trained on.
        label_mapping: from the labels in the file to 0, 1, 2; scans of a label that is mapped to None are
            left out. Without it the labels are ours already.

    Returns:
        ``{"train": [], "select": [], "report": [...], "test": [...]}``.

    Raises:
        UserError: as :func:`read_datalist`; or a label is not in the mapping, or no scan is left.
    """
    path = Path(path)
    content = load_datalist(path)
    items = [(name, item) for name in LISTS for item in content.get(name, [])]
    if label_mapping is not None:
        items = _relabelled(items, {str(label): ours for label, ours in label_mapping.items()}, path)
    if not items:
        raise UserError(f"{path}: no scan is left to test on")
    scans = [scan for name, item in items for scan in checked_items([item], name, path)]
    return {"train": [], "select": [], "report": scans, "test": scans}


def _relabelled(
    items: list[tuple[str, dict[str, Any]]], mapping: dict[str, int | None], path: Path
) -> list[tuple[str, dict[str, Any]]]:
    unknown = sorted({str(item.get("label")) for _, item in items} - set(mapping))
    if unknown:
        raise UserError(
            f"{path}: the label {unknown[0]!r} is not in --label_mapping {json.dumps(mapping)}; "
            f"map it to 0 non-pneumonia, 1 other pneumonia or 2 COVID-19, or to None to leave its scans out"
        )
    mapped = [(name, {**item, "label": mapping[str(item["label"])]}) for name, item in items]
    return [(name, item) for name, item in mapped if item["label"] is not None]
