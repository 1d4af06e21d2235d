"""A tree of scans -> datalist.json, frozen with its seed and the hash of what it was made from."""

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.scans import join_zip_path, split_zip_path

from .classes import CLASSES
from .hashing import hash_content
from .layouts import LAYOUTS, Collection, Request, first_names
from .reading import FILE_KEYS
from .schema import LISTS
from .splits import SplitPlan, split_items

__all__ = ["CLASSES", "Marks", "build_datalist", "collect_scans"]


@dataclass(frozen=True)
class Marks:
    """What is written beside the scans.

    Attributes:
        name: of the datalist; layout and hash if None.
        window: (level, width) in HU of 8-bit slices, where the user knows what the publication does not say.
        hash_files: hash the files' contents, not only their names and sizes.
        progress: show a progress bar.
    """

    name: str | None = None
    window: tuple[float, float] | None = None
    hash_files: bool = False
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
    items = _with_window(collection.items, marks.window)
    content_hash = hash_content(request.root, items, marks.hash_files, marks.progress)
    lists = split_items(items, plan)
    content = {
        "name": marks.name or f"{layout} {content_hash[:12]}",
        "classes": classes,
        "layout": layout,
        "seed": plan.seed,
        "split": {field.name: getattr(plan, field.name) for field in fields(plan) if field.name != "seed"},
        "label_meaning": collection.label_meaning,
        "notes": collection.notes,
        "left_out": {
            reason: {"count": len(names), "first": names[:5]} for reason, names in collection.left_out.items()
        },
        "content_hash": content_hash,
        **{name: [_relative(item, request.root, output) for item in lists[name]] for name in LISTS},
    }
    _write(output, content, overwrite)
    return content


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
    _check_once(collection.items)
    own = LAYOUTS[layout].classes
    if own is not None and (request.classes or request.label_mapping):
        collection.relabel(request.labels(own))
    _check_labels(collection.items)
    return collection


def _check_once(items: list[dict[str, Any]]) -> None:
    seen: set[tuple[str, ...]] = set()
    twice = []
    for item in items:
        key = (os.path.normpath(item["image"]), item.get("series", ""), *item.get("slices", ()))
        if key in seen:
            twice.append(item["image"])
        seen.add(key)
    if twice:
        raise UserError(f"{len(twice)} scans are named twice: {first_names(twice)}; keep one row of each")


def _check_labels(items: list[dict[str, Any]]) -> None:
    labels: dict[str, set[int]] = {}
    for item in items:
        labels.setdefault(item["patient"], set()).add(item["label"])
    torn = [
        f"{patient} ({', '.join(map(str, sorted(own)))})" for patient, own in labels.items() if len(own) > 1
    ]
    if torn:
        raise UserError(
            f"{len(torn)} patients are under two classes: {first_names(torn)}; correct their labels"
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


def _relative(item: dict[str, Any], root: Path, output: Path) -> dict[str, Any]:
    """Return the item with its paths relative to the datalist's folder; links below the root stay links."""
    written = dict(item)
    for key in FILE_KEYS:
        if key in item:
            outer, inner = split_zip_path(item[key])
            path = os.path.relpath(root.resolve() / outer, output.parent.resolve()).replace(os.sep, "/")
            written[key] = path if inner is None else join_zip_path(path, inner)
    return written


def _write(output: Path, content: dict[str, Any], overwrite: bool) -> None:
    text = _text(content)
    if output.is_dir():
        raise UserError(
            f"{output}: is a folder; --output is the file to write, such as {output / 'datalist.json'}"
        )
    if output.exists() and not overwrite and output.read_bytes() != text.encode():
        raise UserError(f"{output}: another datalist is there; give --overwrite to replace it")
    part = output.with_name(output.name + ".part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(output)
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror})") from None


def _text(content: dict[str, Any]) -> str:
    """Return the content as JSON with one line an item."""
    blocks = []
    for key, value in content.items():
        if key in LISTS:
            rows = ",\n".join(f"  {json.dumps(item, ensure_ascii=False)}" for item in value)
            blocks.append(f" {json.dumps(key)}: [\n{rows}\n ]" if value else f" {json.dumps(key)}: []")
        else:
            blocks.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"
