"""The scans that a user names, as items of a data set."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.errors import UserError

from .declarable import DECLARED_FIELDS
from .finding import find_scans

__all__ = ["scan_items"]


def scan_items(
    scans: str | Path | Sequence[str | Path], declared: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return an item for each scan in files, folders and zips.

    Args:
        scans: files, folders and zips, as the user named them; or one.
        declared: what holds for all of them, in the fields of a datalist's item
            (:data:`~scripts.scans.DECLARED_FIELDS`); what is None is left out.

    Returns:
        Items with ``image``, the path, and ``name``, which outputs show: the path from the named folder
        on, or the file's name; where two would be alike, the path from the folder on that holds all scans.

    Raises:
        UserError: something else is declared.
    """
    fields = {field: value for field, value in (declared or {}).items() if value is not None}
    unknown = sorted(set(fields) - set(DECLARED_FIELDS))
    if unknown:
        raise UserError(f"{unknown[0]} cannot be declared of scans; expected {', '.join(DECLARED_FIELDS)}")
    named = [scans] if isinstance(scans, (str, Path)) else scans
    items = [
        {"image": scan, "name": str(Path(scan).relative_to(Path(top).parent)), **fields}
        for top in named
        for scan in find_scans([top])
    ]
    counts = Counter(item["name"] for item in items)
    paths = [str(Path(item["image"]).absolute()) for item in items]
    return [
        item if counts[item["name"]] == 1 else {**item, "name": _from_common_folder(path, paths)}
        for item, path in zip(items, paths, strict=True)
    ]


def _from_common_folder(path: str, paths: Sequence[str]) -> str:
    return os.path.relpath(path, os.path.commonpath([Path(other).parent for other in paths]))
