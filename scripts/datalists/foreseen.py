"""The scans that a reader will refuse, as far as a datalist and its folder alone show it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.scans import Declaration, RefusedScan, check_window, scan_exists

__all__ = ["refusals_foreseen", "refusals_listed"]

NAMED = 3  # scans of one reason, in a message


def refusals_foreseen(
    items: Sequence[Mapping[str, Any]], window: tuple[float, float] | None = None
) -> list[RefusedScan]:
    """Return the refusals that need no voxel: no such file, a wrong declaration, a window that is too narrow.

    Args:
        items: each with an absolute ``image``, and perhaps ``name`` and what is declared of it.
        window: (level, width) in HU that a network looks at; None asks for no window in particular.
    """
    found = []
    for item in items:
        name = str(item.get("name", item["image"]))
        try:
            _check(item, name, window)
        except RefusedScan as refusal:
            found.append(refusal)
    return found


def _check(item: Mapping[str, Any], name: str, window: tuple[float, float] | None) -> None:
    try:
        is_there = scan_exists(Path("/"), str(item["image"]))
    except UserError as error:
        raise RefusedScan("unreadable", name, str(error)) from None
    if not is_there:
        raise RefusedScan("not_found", name, "no such file or folder")
    declared = Declaration.of(item, name)
    if window and declared.window:
        level, width = declared.window
        check_window((level - width / 2, level + width / 2), (window[0], window[1]), name)


def refusals_listed(refused: Sequence[RefusedScan]) -> str:
    """Return a line for each reason, with the first scans that have it and their number.

    >>> print(refusals_listed([RefusedScan("mask", name, "labels") for name in "abcd"]))
      [mask] a, b, c and 1 more: labels
    """
    names: dict[tuple[str, str], list[str]] = {}
    for refusal in refused:
        names.setdefault((refusal.code, refusal.reason), []).append(refusal.name)
    return "\n".join(
        f"  [{code}] {', '.join(own[:NAMED])}"
        + (f" and {len(own) - NAMED} more" if len(own) > NAMED else "")
        + f": {reason}"
        for (code, reason), own in names.items()
    )
