"""The scans that a user names, as items of a data set."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .finding import find_scans

__all__ = ["scan_items"]


def scan_items(scans: str | Path | Sequence[str | Path]) -> list[dict[str, str]]:
    """Return an item for each scan in files and folders.

    Args:
        scans: files and folders, as the user named them; or one.

    Returns:
        Items with ``image``, the path, and ``name``, which outputs show: the path from the named folder
        on, or the file's name; the whole path where two would be alike.
    """
    named = [scans] if isinstance(scans, (str, Path)) else scans
    items = [
        {"image": scan, "name": str(Path(scan).relative_to(Path(top).parent))}
        for top in named
        for scan in find_scans([top])
    ]
    counts = Counter(item["name"] for item in items)
    return [item if counts[item["name"]] == 1 else {**item, "name": item["image"]} for item in items]
