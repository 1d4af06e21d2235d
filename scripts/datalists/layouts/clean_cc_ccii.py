"""The corrections of Clean-CC-CCII (He et al., 2020, medRxiv 2020.06.08.20125963).

``CT_cleaned.csv`` names, by the number in a slice's file name, what to remove and in which order to read a
scan; ``ct_train.json``, ``ct_val.json`` and ``ct_test.json`` are its authors' split, with the slices left.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from scripts.errors import UserError
from scripts.scans import natural_order

from .release import read_table

__all__ = ["Key", "correct_slices", "order_as_listed", "read_corrections", "read_published_lists"]

Key = tuple[str, str, str]  # class, patient, scan
LISTS = {"ct_train.json": "training", "ct_val.json": "validation", "ct_test.json": "test"}
COLUMNS = ("cls", "pid", "scan_id", "is_seg", "is_repeat", "repeat_ids", "re_order")
UNUSABLE = ("discard", "no image")
SPAN = re.compile(r"(\d+)(?:-+(\d+))?")  # the first release has a 316--372, and a comma for a semicolon


def read_corrections(table: Path) -> dict[Key, dict[str, str]]:
    """Read ``CT_cleaned.csv``.

    Returns:
        (class, patient, scan) to row.

    Raises:
        UserError: a column is missing, or a scan is there twice.
    """
    rows: dict[Key, dict[str, str]] = {}
    for line, row in read_table(table, COLUMNS).items():
        key = (row["cls"], row["pid"], row["scan_id"])
        if key in rows:
            raise UserError(f"{table}: line {line}: scan {'/'.join(key)} is there twice")
        rows[key] = row
    return rows


def correct_slices(names: Iterable[str], repeat_ids: str, re_order: str) -> list[str]:
    """Order a scan's slices and remove the repeated ones, as its row says.

    First the order: ``reverse``, or spans such as ``16-52+0-15``, which also drop what they do not name.
    Then the removal: ``133-282`` or ``2;12;250-254``. Numbers are those in the file names; a number without
    a slice is passed over, as the authors do. Some rows of the first release carry ``reverse`` under
    ``repeat_ids``.

    Args:
        names: file names of the slices.
        repeat_ids: of the row; ``discard`` and ``no image`` leave nothing.
        re_order: of the row.

    Raises:
        ValueError: a correction is none of these, or slices cannot be told apart by number.

    >>> correct_slices(["0.png", "1.png", "2.png", "10.png"], repeat_ids="1", re_order="2-10+0-1")
    ['2.png', '10.png', '0.png']
    >>> correct_slices(["0.png", "1.png"], repeat_ids="", re_order="reverse")
    ['1.png', '0.png']
    """
    ordered = sorted(names, key=natural_order)
    if repeat_ids in UNUSABLE:
        return []
    if repeat_ids == "reverse":
        repeat_ids, re_order = "", re_order or "reverse"
    if re_order == "reverse":
        ordered = ordered[::-1]
    if re_order not in ("", "reverse"):
        by_number = {_number(name): name for name in ordered}
        if len(by_number) < len(ordered):
            raise ValueError("several slices have the same number")
        ordered = [by_number[number] for number in _numbers(re_order, r"\+") if number in by_number]
    removed = set(_numbers(repeat_ids, "[;,]"))
    return [name for name in ordered if not removed or _number(name) not in removed]


def read_published_lists(root: Path) -> dict[Key, tuple[str, list[str]]]:
    """Read those of the authors' json splits that lie in the root.

    Returns:
        (class, patient, scan) to list ("training", "validation", "test") and slices in order; empty
        without such files.

    Raises:
        UserError: a file is not of the published form, or a scan is in two lists.
    """
    scans: dict[Key, tuple[str, list[str]]] = {}
    for path in filter(Path.is_file, (root / name for name in LISTS)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            entries = [
                ((group, patient, scan), list(map(str, names)))
                for group, patients in content.items()
                for patient, listed in patients.items()
                for scan, names in listed.items()
            ]
        except (ValueError, AttributeError, TypeError):
            raise UserError(f"{path}: not of the form {{class: {{patient: {{scan: [slices]}}}}}}") from None
        for key, names in entries:
            if key in scans:
                raise UserError(f"{path}: scan {'/'.join(key)} is also in the {scans[key][0]} list")
            scans[key] = (LISTS[path.name], names)
    return scans


def order_as_listed(names: Iterable[str], listed: Iterable[str]) -> list[str]:
    """Return the files of the listed slices, in the list's order; the json says .png where a zip has .jpg.

    Raises:
        ValueError: a listed slice is not there.
    """
    names = list(names)
    files = {Path(name).stem: name for name in names} | {name: name for name in names}
    listed = list(listed)
    absent = [name for name in listed if name not in files and Path(name).stem not in files]
    if absent:
        raise ValueError(f"slice {absent[0]} is not there")
    return [files.get(name) or files[Path(name).stem] for name in listed]


def _numbers(spans: str, separator: str) -> list[int]:
    numbers: list[int] = []
    for span in filter(None, map(str.strip, re.split(separator, spans))):
        match = SPAN.fullmatch(span)
        if not match:
            raise ValueError(f"{spans!r} is not 'reverse', 'discard', 'no image' or spans of slice numbers")
        first, last = int(match[1]), int(match[2] or match[1])
        numbers.extend(range(first, last + 1))
    return numbers


def _number(name: str) -> int:
    digits = re.findall(r"\d+", Path(name).stem)
    if not digits:
        raise ValueError(f"slice {name} has no number")
    return int(digits[-1])
