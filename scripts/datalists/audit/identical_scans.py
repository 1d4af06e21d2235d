"""The same scan under two names."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.scans import split_zip_path

from .finding import FAILED, PASSED, WARNING, Finding, counted
from .placing import choice_of

__all__ = ["check_identical_scans", "file_identity"]


def check_identical_scans(
    items: Sequence[dict[str, Any]], identities: Mapping[str, Sequence[str]]
) -> Finding:
    """Find scans that are the same file or have the same content.

    Over a split, or under two patients, that is a leak; within one patient and list it counts a scan twice.

    Args:
        items: each with ``key``, ``name``, ``patient`` and ``place``.
        identities: what identifies each ``key``, see :func:`file_identity`; equal ones are the same scan.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        for identity in identities.get(item["key"], ()):
            groups.setdefault(identity, []).append(item)
    alike = {tuple(id(item) for item in group): group for group in groups.values() if len(group) > 1}.values()
    over_split = [group for group in alike if len({item["place"] for item in group}) > 1]
    two_patients = [group for group in alike if len({str(item["patient"]) for item in group}) > 1]
    numbers = {"groups": len(alike), "over_split": len(over_split), "two_patients": len(two_patients)}
    lines = [
        " = ".join(f"{item['name']} (patient {item['patient']}, {item['place']})" for item in group)
        for group in sorted(alike, key=lambda group: group not in over_split)
    ]
    if not alike:
        return Finding("identical_scans", PASSED, f"{len(items)} scans, no two the same", numbers=numbers)
    found = f"{counted(len(alike), 'scan')} found more than once, {len(over_split)} over a split"
    if over_split or two_patients:
        found += f", {len(two_patients)} under two patients"
    return Finding(
        "identical_scans",
        FAILED if over_split or two_patients else WARNING,
        f"{found}; keep one of each, and give the two names of a patient one name",
        hard=bool(over_split),
        lines=lines,
        numbers=numbers,
    )


def file_identity(item: Mapping[str, Any]) -> list[str]:
    """Return what a datalist alone tells of a scan's identity: its real path, and its hash where written.

    Args:
        item: with an absolute ``image``, and perhaps ``slices``, ``series`` and ``sha256``.
    """
    outer, inner = split_zip_path(str(item["image"]))
    choice = choice_of(item)
    identity = [f"path {os.path.realpath(outer)}::{inner or ''}::{choice}"]
    if item.get("sha256"):
        identity.append(f"sha256 {item['sha256']}::{choice}")
    return identity
