"""A tree of DICOM series, patient / study / series or flat, with a CSV that says who is who.

The CSV has the columns label, patient and, where a patient's folder is not ``ROOT/PATIENT``, path: a folder
(of a series, a study or a patient), or a single file. Rows that name single files of one folder for one
patient are one scan of these files: for a tree that keeps everything in one folder. No header is read here.
"""

import os
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.scans import natural_order

from .collection import Collection, Layout, Request, first_names
from .table import row_fields
from .tables import read_table

__all__ = ["DICOM_TREE"]

SERIES = ("largest", "all")


def collect_dicom_tree(request: Request) -> Collection:
    """Collect the series that a CSV names; one with several series is refused without ``series``."""
    if request.csv is None:
        raise UserError(
            "layout dicom_tree: give the table with the columns label, patient and path with --csv FILE"
        )
    if request.series not in (None, *SERIES):
        raise UserError(f"--series {request.series}: expected {' or '.join(SERIES)}")
    collection = Collection({})
    counts = _folders_with_files(request.root)
    below = _folders_below(counts)
    missing: list[str] = []
    flat: dict[tuple[str, str], dict[str, Any]] = {}
    used: set[str] = set()
    for line, row in read_table(request.csv, ("label", "patient")).items():
        where = f"{request.csv}: line {line}"
        fields = row_fields({**row, "path": ""}, where, request, collection)
        path = os.path.normpath(row.get("path") or row["patient"])
        left_out = fields["label"] is None
        if left_out:
            collection.leave_out(f"label {row['label']}, left out by --label_mapping", [path])
        if (request.root / path).is_file():
            used.add(str(Path(path).parent))
            if not left_out:
                _add_file(path, fields, flat, where)
            continue
        series = below.get(path, [])
        used.update(series)
        if left_out:
            continue
        if not series:
            missing.append(path)
        for folder in _choose(series, counts, path, request, where, collection):
            collection.items.append({"image": folder, **fields})
    collection.items += flat.values()
    collection.miss(request, request.csv, missing)
    collection.leave_out(f"not in {request.csv.name}", [folder for folder in counts if folder not in used])
    return collection


def _folders_with_files(root: Path) -> dict[str, int]:
    """Return the folders that hold files themselves, relative to the root, with the number of files."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    counts, entered = {}, set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = [name for name in folders if real not in entered and name[0] != "."]
        seen = [name for name in files if name[0] != "." and name != "DICOMDIR"]
        if seen and real not in entered:
            counts[Path(folder).relative_to(root).as_posix()] = len(seen)
        entered.add(real)
    return {folder: counts[folder] for folder in sorted(counts, key=natural_order)}


def _folders_below(counts: dict[str, int]) -> dict[str, list[str]]:
    """Return, of every folder, those at or below it that hold files."""
    below: dict[str, list[str]] = {}
    for folder in counts:
        for above in {Path(folder), *Path(folder).parents}:
            below.setdefault(str(above), []).append(folder)
    return below


def _choose(
    series: list[str], counts: dict[str, int], path: str, request: Request, where: str, collection: Collection
) -> list[str]:
    if len(series) <= 1 or request.series == "all":
        return series
    if request.series is None:
        raise UserError(
            f"{where}: {path} holds {len(series)} series: {first_names(series)}; name one in the column "
            f"path, or give --series largest (most files) or all"
        )
    largest = max(series, key=counts.__getitem__)
    collection.leave_out("not the largest series", [folder for folder in series if folder != largest])
    return [largest]


def _add_file(
    path: str, fields: dict[str, Any], flat: dict[tuple[str, str], dict[str, Any]], where: str
) -> None:
    """Join the files of one patient in one folder to one scan."""
    folder, name = os.path.split(path)
    item = flat.setdefault((fields["patient"], folder), {"image": folder or ".", **fields, "slices": []})
    if name in item["slices"]:
        raise UserError(f"{where}: {path} is there twice")
    if item["label"] != fields["label"]:
        raise UserError(f"{where}: patient {fields['patient']} has label {item['label']} before")
    item["slices"].append(name)


DICOM_TREE = Layout(
    collect_dicom_tree,
    "patient/study/series or flat, with --csv a table with the columns label, patient and, if need be, path",
    frozenset({"csv", "series", "source", "skip_missing"}),
    classes=None,
)
