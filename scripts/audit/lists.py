"""The checks that a datalist alone answers: cheap enough for the start of every run."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.scans import split_zip_path

from .findings import FAILED, PASSED, WARNING, Finding, counted

__all__ = ["check_lists", "place_items"]

Item = dict[str, Any]


def place_of(item: Mapping[str, Any], list_name: str) -> str:
    """Name the list and fold of an item; scans of one patient all belong in one place.

    >>> place_of({"fold": 2}, "training"), place_of({}, "test")
    ('training fold 2', 'test')
    """
    return f"{list_name} fold {item['fold']}" if "fold" in item else list_name


def place_items(lists: Mapping[str, Sequence[Item]]) -> list[Item]:
    """Flatten the lists of a datalist; each item gains its ``place`` and its ``key``.

    Equal keys are the same scan: one file, or one choice of slices or series of a folder.
    """
    return [
        {**item, "place": place_of(item, name), "key": _key(item)}
        for name, items in lists.items()
        for item in items
    ]


def _key(item: Mapping[str, Any]) -> str:
    return "|".join(filter(None, (str(item["image"]), choice_of(item))))


def choice_of(item: Mapping[str, Any]) -> str:
    """Name what is chosen of the files that a scan lies in.

    >>> choice_of({"series": "3"}), choice_of({"slices": ["1.png", "2.png"]}), choice_of({})
    ('series 3', '1.png|2.png', '')
    """
    series = [f"series {item['series']}"] if item.get("series") else []
    return "|".join([*series, *item.get("slices", ())])


def check_lists(items: Sequence[Item], contents: dict[str, str] | None = None) -> list[Finding]:
    """Run the checks that the datalist alone answers: cheap enough for the start of every run.

    Args:
        items: see :func:`place_items`.
        contents: hash of the voxels by ``key``, where they were read.
    """
    contents = contents or {}
    identities = {item["key"]: file_identity(item) for item in items}
    for key, content in contents.items():
        identities[key].append(f"content {content}")
    return [
        check_patient_overlap(items),
        check_label_conflict(items, contents),
        check_identical_scans(items, identities),
    ]


def check_patient_overlap(items: Sequence[dict[str, Any]]) -> Finding:
    """Find patients with scans in more than one list or fold.

    Args:
        items: each with ``patient`` and ``place``.
    """
    homes: dict[str, dict[str, str]] = {}
    for item in items:
        homes.setdefault(str(item["patient"]), {}).setdefault(item["place"], item["name"])
    parted = [
        f"patient {patient}: " + " and ".join(f"{name} in {place}" for place, name in places.items())
        for patient, places in homes.items()
        if len(places) > 1
    ]
    numbers = {"patients": len(homes), "parted": len(parted)}
    if not parted:
        return Finding(
            "patient_overlap", PASSED, f"{len(homes)} patients, each in one list and fold", numbers=numbers
        )
    return Finding(
        "patient_overlap",
        FAILED,
        f"{len(parted)} of {len(homes)} patients have scans in more than one list or fold; "
        f"a network that has seen a patient is not tested by that patient: make the lists anew by patient",
        hard=True,
        lines=parted,
        numbers=numbers,
    )


def check_label_conflict(
    items: Sequence[dict[str, Any]], contents: Mapping[str, str] | None = None
) -> Finding:
    """Find patients and contents that carry more than one label.

    Args:
        items: each with ``patient``, ``label`` and ``name``.
        contents: hash of the voxels by ``key``, where they were read.
    """
    contents = contents or {}
    conflicts = _contradictions(items, "patient", [str(item["patient"]) for item in items])
    conflicts += _contradictions(items, "content", [contents.get(item["key"], item["key"]) for item in items])
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


def _contradictions(items: Sequence[dict[str, Any]], kind: str, owners: Sequence[str]) -> list[str]:
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
    """Return what a datalist alone says of a scan's identity: its real path, and its hash where written.

    Args:
        item: with an absolute ``image``, and perhaps ``slices``, ``series`` and ``sha256``.
    """
    outer, inner = split_zip_path(str(item["image"]))
    choice = choice_of(item)
    identity = [f"path {os.path.realpath(outer)}::{inner or ''}::{choice}"]
    if item.get("sha256"):
        identity.append(f"sha256 {item['sha256']}::{choice}")
    return identity
