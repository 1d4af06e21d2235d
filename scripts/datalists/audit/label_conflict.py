"""One patient, or one content, with contradictory labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from .finding import FAILED, PASSED, Finding

__all__ = ["check_label_conflict"]


def check_label_conflict(
    items: Sequence[dict[str, Any]], contents: Mapping[str, str] | None = None
) -> Finding:
    """Find patients and contents that carry more than one label.

    Args:
        items: each with ``patient``, ``label`` and ``name``.
        contents: hash of the voxels by ``key``, where they were read.
    """
    contents = contents or {}
    conflicts = _torn(items, "patient", [str(item["patient"]) for item in items])
    conflicts += _torn(items, "content", [contents.get(item["key"], item["key"]) for item in items])
    numbers = {"conflicts": len(conflicts)}
    if not conflicts:
        known = "patient and each content has" if contents else "patient and each file has"
        return Finding("label_conflict", PASSED, f"each {known} one label", numbers=numbers)
    return Finding(
        "label_conflict",
        FAILED,
        f"{len(conflicts)} patients or contents have contradictory labels; correct them, or take them out",
        hard=True,
        lines=conflicts,
        numbers=numbers,
    )


def _torn(items: Sequence[dict[str, Any]], kind: str, owners: Sequence[str]) -> list[str]:
    """Return a line for each owner, a patient or a content, of scans with more than one label."""
    labels: dict[str, dict[int, str]] = {}
    for item, owner in zip(items, owners, strict=True):
        labels.setdefault(owner, {}).setdefault(item["label"], item["name"])
    return [
        (f"patient {owner}: " if kind == "patient" else "one content: ")
        + " and ".join(f"{name} has label {label}" for label, name in sorted(own.items()))
        for owner, own in labels.items()
        if len(own) > 1
    ]
