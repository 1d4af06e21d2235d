"""A tree of scans -> datalist.json, frozen with its seed and the hash of what it was made from."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.files import write_whole
from scripts.scans import join_zip_path, natural_order, read_header, split_zip_path

from .hashing import hash_content
from .layouts import LAYOUTS, Collection, Request, first_names
from .reading import FILE_KEYS
from .schema import LISTS
from .splitting import SplitPlan, split_items

__all__ = [
    "ONE_SCAN",
    "Marks",
    "build_datalist",
    "check_scans",
    "collect_scans",
    "relative_item",
    "split_record",
    "write_datalist",
]

ONE_SCAN = ("thinnest", "first")


@dataclass(frozen=True)
class Marks:
    """What is written beside the scans.

    Attributes:
        name: of the datalist; layout and hash if None.
        window: (level, width) in HU of 8-bit slices, where the user knows what the publication does not say.
        hash_files: hash the files' contents, not only their names and sizes.
        one_scan: keep one scan of each patient, the "thinnest" (of the smallest spacing between slices, or
            else with the most slices) or the "first" by name; None keeps all.
        progress: show a progress bar.
    """

    name: str | None = None
    window: tuple[float, float] | None = None
    hash_files: bool = False
    one_scan: str | None = None
    progress: bool = False


def build_datalist(
    layout: str,
    request: Request,
    output: str | Path,
    plan: SplitPlan | None = None,
    marks: Marks | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a datalist of the scans of a tree.

    Args:
        layout: one of :data:`~scripts.datalists.layouts.LAYOUTS`.
        request: where the tree is, and what its layout needs to know.
        output: the ``datalist.json`` to write; its paths are relative to its folder. A scan inside a zip
            is written ``archive.zip::folder``.
        plan: how to part the scans.
        marks: what to write beside them.
        overwrite: replace another datalist that lies there.

    Returns:
        The content, as written. ``left_out`` counts and names what is in the tree but not in the lists,
        ``notes`` says what to know of the source.

    Raises:
        UserError: the tree, its tables or the split are not as they should be, or another datalist is
            in the way.
    """
    output, plan, marks = Path(output), plan or SplitPlan(), marks or Marks()
    collection = collect_scans(layout, request)
    classes = request.labels(LAYOUTS[layout].classes).names
    if marks.one_scan:
        _keep_one_scan(collection, marks.one_scan, request.root)
    items = _with_window(collection.items, marks.window)
    content_hash = hash_content(request.root, items, marks.hash_files, marks.progress)
    lists = split_items(items, plan, classes)
    content = {
        "name": marks.name or f"{layout} {content_hash[:12]}",
        "classes": classes,
        "layout": layout,
        "seed": plan.seed,
        "split": split_record(plan) | {"one_scan_per_patient": marks.one_scan},
        "label_meaning": collection.label_meaning,
        "notes": [*collection.notes, *notes_on(items, classes)],
        "left_out": {
            reason: {"count": len(names), "first": names[:5]} for reason, names in collection.left_out.items()
        },
        "content_hash": content_hash,
        **{name: [relative_item(item, request.root, output) for item in lists[name]] for name in LISTS},
    }
    write_datalist(output, content, overwrite)
    return content


def split_record(plan: SplitPlan) -> dict[str, Any]:
    """Return what a datalist says of how it was split; the seed has a place of its own."""
    return {field.name: getattr(plan, field.name) for field in fields(plan) if field.name != "seed"}


def notes_on(items: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> list[str]:
    """Return what a training would refuse for all of these scans, so that it is said before."""
    notes = []
    grey = sum(item.get("intensity") == "windowed" and "window" not in item for item in items)
    if grey:
        notes.append(
            f"{grey} of {len(items)} scans are grey levels of a display window that nobody stated, and runs "
            f"refuse them: build again with --window LEVEL WIDTH in HU, if you know it"
        )
    present = {item["label"] for item in items}
    absent = [name for label, name in enumerate(classes) if label not in present]
    if absent:
        rest = " ".join(repr(name) for label, name in enumerate(classes) if label in present)
        notes.append(
            f"no scan of class {' and '.join(map(repr, absent))}, and without one no training starts: "
            f"build again with --classes {rest}, or `python -m scripts.datalists join` a set that has it"
        )
    return notes


def collect_scans(layout: str, request: Request) -> Collection:
    """Return the scans of a tree, checked: each there once, each patient of one class.

    Raises:
        UserError: the layout is unknown or does not take what is asked, the tree or a table is not as it
            should be, nothing is found, a scan is named twice, or a patient has two labels.
    """
    if layout not in LAYOUTS:
        raise UserError(f"no layout {layout!r}; there are {', '.join(LAYOUTS)}")
    if not request.root.is_dir():
        raise UserError(f"{request.root}: no such folder; layout {layout} expects {LAYOUTS[layout].tree}")
    for option in ("csv", "negatives_are", "series", "source", "skip_missing"):
        if getattr(request, option) and option not in LAYOUTS[layout].takes:
            raise UserError(f"layout {layout} has no use for --{option}")
    collection = LAYOUTS[layout].collect(request)
    if not collection.items:
        raise UserError(
            f"{request.root}: no scan found; layout {layout} expects {LAYOUTS[layout].tree}"
            + "".join(f"; {reason}: {first_names(names)}" for reason, names in collection.left_out.items())
        )
    own = LAYOUTS[layout].classes
    if own is not None and (request.classes or request.label_mapping):
        collection.relabel(request.labels(own))
    for item in collection.items:
        item.pop("released_as", None)
    check_scans(collection.items)
    return collection


def check_scans(items: Sequence[dict[str, Any]]) -> None:
    """Make sure that each scan is there once, and each patient of one class.

    Args:
        items: each with ``image``, relative to one folder or absolute, ``patient`` and ``label``.

    Raises:
        UserError: naming the first scans or patients.
    """
    _check_once(items)
    _check_labels(items)


def _check_once(items: Sequence[dict[str, Any]]) -> None:
    seen: set[tuple[str, ...]] = set()
    twice = []
    for item in items:
        key = (os.path.normpath(item["image"]), item.get("series", ""), *item.get("slices", ()))
        if key in seen:
            twice.append(item["image"])
        seen.add(key)
    if twice:
        raise UserError(f"{len(twice)} scans are named twice: {first_names(twice)}; keep one row of each")


def _check_labels(items: Sequence[dict[str, Any]]) -> None:
    labels: dict[str, set[int]] = {}
    for item in items:
        labels.setdefault(item["patient"], set()).add(item["label"])
    contradictory = [
        f"{patient} ({', '.join(map(str, sorted(own)))})" for patient, own in labels.items() if len(own) > 1
    ]
    if contradictory:
        raise UserError(
            f"{len(contradictory)} patients are under two classes: {first_names(contradictory)}; "
            f"correct their labels"
        )


def _with_window(items: list[dict[str, Any]], window: tuple[float, float] | None) -> list[dict[str, Any]]:
    if window is None:
        return items
    level, width = window
    if width <= 0:
        raise UserError(f"--window {level:g} {width:g}: the width is not positive")
    if not any(item.get("intensity") == "windowed" for item in items):
        raise UserError("--window is for windowed (8-bit) slices; these scans are in HU")
    return [
        {"window": [level, width], **item} if item.get("intensity") == "windowed" else item for item in items
    ]


def _keep_one_scan(collection: Collection, which: str, root: Path) -> None:
    """Leave out all scans of a patient but one, and record which."""
    if which not in ONE_SCAN:
        raise UserError(f"--one_scan_per_patient {which}: expected {' or '.join(ONE_SCAN)}")
    own: dict[str, list[dict[str, Any]]] = {}
    for item in sorted(collection.items, key=lambda item: natural_order(item["image"])):
        own.setdefault(item["patient"], []).append(item)
    best = {
        id(min(items, key=lambda item: _thickness(item, root)) if which == "thinnest" else items[0])
        for items in own.values()
    }
    others = [item["image"] for item in collection.items if id(item) not in best]
    collection.items = [item for item in collection.items if id(item) in best]
    collection.leave_out(f"not the {which} scan of the patient", others)


def _thickness(item: dict[str, Any], root: Path) -> tuple[float, float]:
    """Return mm from slice to slice, unknown ones last, then minus the number of slices."""
    outer, inner = split_zip_path(item["image"])
    path = str(root.resolve() / outer)
    header = read_header({**item, "image": path if inner is None else join_zip_path(path, inner)})
    steps = ((item.get("spacing") or [None])[-1], header.get("slice_spacing"), header.get("slice_thickness"))
    known = [float(step) for step in steps if step]
    return known[0] if known else math.inf, -float(header.get("slices") or 0)


def relative_item(item: dict[str, Any], root: Path, output: Path) -> dict[str, Any]:
    """Return the item with its paths relative to the datalist's folder; links below the root stay links."""
    written = dict(item)
    for key in FILE_KEYS:
        if key in item:
            outer, inner = split_zip_path(item[key])
            path = os.path.relpath(root.resolve() / outer, output.parent.resolve()).replace(os.sep, "/")
            written[key] = path if inner is None else join_zip_path(path, inner)
    return written


def write_datalist(output: Path, content: Mapping[str, Any], overwrite: bool) -> None:
    """Write a datalist whole, with one line an item.

    Args:
        output: the file.
        content: of it.
        overwrite: replace another datalist that lies there.

    Raises:
        UserError: another datalist is in the way, or the file cannot be written.
    """
    text = _text(content)
    if output.is_dir():
        raise UserError(
            f"{output}: is a folder; --output is the file to write, such as {output / 'datalist.json'}"
        )
    if output.exists() and not overwrite and output.read_bytes() != text.encode():
        raise UserError(f"{output}: another datalist is there; give --overwrite to replace it")
    write_whole(output, text)


def _text(content: Mapping[str, Any]) -> str:
    blocks = []
    for key, value in content.items():
        if key in LISTS:
            rows = ",\n".join(f"  {json.dumps(item, ensure_ascii=False)}" for item in value)
            blocks.append(f" {json.dumps(key)}: [\n{rows}\n ]" if value else f" {json.dumps(key)}: []")
        else:
            blocks.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"
