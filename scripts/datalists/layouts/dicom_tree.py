"""A tree of DICOM series, patient / study / series or flat, with a CSV that says who is who.

The CSV has the columns label, patient and, where a patient's folder is not ``ROOT/PATIENT``, path: a folder
(of a series, a study or a patient), or a single file; and perhaps series, of a folder with several. Of each
study below a path one series is the scan, by the rules by which the reader chooses. Rows that name single
files of one folder for one patient are one scan of these files: for a tree that keeps everything in one
folder.
"""

import os
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.scans import find_scans, natural_order

from .collection import Collection, Layout, Request
from .release import read_table
from .table import row_fields

__all__ = ["DICOM_TREE", "SERIES", "scan_items"]

SERIES = ("all", "first")  # of several that fit


def collect_dicom_tree(request: Request) -> Collection:
    """Collect a scan for each study of the paths that a CSV names, or with ``series`` for each series."""
    if request.csv is None:
        raise UserError(
            "layout dicom_tree: give the table with the columns label, patient and path with --csv FILE"
        )
    collection = Collection({})
    missing: list[str] = []
    named: list[str] = []
    flat: dict[tuple[str, str], dict[str, Any]] = {}
    for line, row in read_table(request.csv, ("label", "patient")).items():
        where = f"{request.csv}: line {line}"
        wanted = row.pop("series", "") or None
        fields = row_fields({**row, "path": ""}, where, request, collection)
        path = os.path.normpath(row.get("path") or row["patient"])
        named.append(path)
        left_out = fields["label"] is None
        if left_out:
            collection.leave_out(f"label {row['label']}, left out by --label_mapping", [path])
        if (request.root / path).is_file():
            if not left_out:
                _add_file(path, fields, flat, where)
            continue
        if left_out:
            continue
        found = scan_items(request, path, wanted, collection, where)
        if not found:
            missing.append(path)
        collection.items += [item | fields for item in found]
    collection.items += flat.values()
    collection.miss(request, request.csv, missing)
    collection.leave_out(f"not in {request.csv.name}", _not_named(request.root, named))
    return collection


def scan_items(
    request: Request, path: str, wanted: str | None, collection: Collection, where: str
) -> list[dict[str, Any]]:
    """Return ``image`` and the choice of files of each study's scan, chosen as the reader chooses.

    Args:
        request: ``series`` "all" makes each axial series a scan, "first" takes the first of several that fit.
        path: of a folder of a patient, study or series, from the root on.
        wanted: the series, in place of the rules.
        collection: is told of what is passed over.
        where: for the message.

    Raises:
        UserError: several series fit: the reader would refuse the study in training.
    """
    if request.series not in (None, *SERIES):
        raise UserError(
            f"--series {request.series}: expected {' or '.join(SERIES)}; without it a study is one scan"
        )
    found = find_scans([request.root / path], wanted, all_series=request.series == "all")
    for name, why in found.passed_over.items():
        collection.leave_out(why, [str(Path(path).parent / name)])
    items = []
    for scan in found.scans:
        if scan.path in found.without:
            continue
        if scan.several and request.series == "first":
            (scan,) = find_scans([scan.path], scan.several.partition(" (")[0]).scans
        elif scan.several:
            raise UserError(
                f"{where}: {path}: several series fit: {scan.several}; choose one in the column series, "
                f"or give --series first, or all"
            )
        items.append({"image": os.path.relpath(scan.path, request.root), **scan.chosen})
    return items


def _not_named(root: Path, named: list[str]) -> list[str]:
    """Return the folders that hold files and that no row names, nor a folder above them."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    folders, entered = [], set()
    files_of = {str(Path(path).parent) for path in named if (root / path).is_file()}
    for folder, below, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        below[:] = [name for name in below if real not in entered and name[0] != "."]
        relative = Path(folder).relative_to(root)
        seen = [name for name in files if name[0] != "." and name != "DICOMDIR"]
        above = {str(relative), *map(str, relative.parents)}
        if seen and real not in entered and not above & {*named} and str(relative) not in files_of:
            folders.append(relative.as_posix())
        entered.add(real)
    return sorted(folders, key=natural_order)


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
    "DICOM, patient/study/series or flat; --csv has the columns label, patient and, if need be, path",
    frozenset({"csv", "series", "source", "skip_missing"}),
    classes=None,
)
