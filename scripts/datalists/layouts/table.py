"""Any scans named by a CSV: path, label, patient, and further columns that go with the items."""

from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.scans import scan_exists

from .collection import Collection, Layout, Request
from .release import read_table

__all__ = ["TABLE", "row_fields"]

COLUMNS = ("path", "label", "patient")
MASKS = ("lobes", "lesions")
OURS = ("image", "name", "fold", "slices", "sha256")  # fields that are not the table's to set


def collect_table(request: Request) -> Collection:
    """Collect the scans that a CSV names; paths are relative to the root, and may lie in a zip."""
    if request.csv is None:
        raise UserError("layout table: give the table with --csv FILE")
    collection = Collection({})
    missing = []
    for line, row in read_table(request.csv, COLUMNS).items():
        where = f"{request.csv}: line {line}"
        fields = row_fields(row, where, request, collection)
        item = {"image": row["path"].rstrip("/"), **fields}
        if not item["image"]:
            raise UserError(f"{where}: no path")
        if fields["label"] is None:
            collection.leave_out(f"label {row['label']}, left out by --label_mapping", [item["image"]])
            continue
        item.update({mask: row[mask] for mask in MASKS if row.get(mask)})
        try:
            named = [item[key] for key in ("image", *MASKS) if key in item]
            absent = [path for path in named if not scan_exists(request.root, path)]
        except UserError as error:
            collection.leave_out(f"in a damaged zip: {error}", [item["image"]])
            continue
        missing += absent
        if not absent:
            collection.items.append(item)
    collection.miss(request, request.csv, missing)
    return collection


def row_fields(row: dict[str, str], where: str, request: Request, collection: Collection) -> dict[str, Any]:
    """Return what a row says of a scan, but for its paths; record what its label means.

    The label is a class's number or name, or what ``label_mapping`` knows; None where that leaves it out.

    Args:
        row: of a table with the columns label and patient; ``source``, ``label_source``, ``label_meaning``,
            ``age``, ``intensity`` ("HU" or "windowed"), ``window`` ("LEVEL WIDTH") and ``list`` are
            understood, all others are kept as text.
        where: file and line, for messages.
        request: its ``source`` stands in for a missing column.
        collection: gains the meaning of the label.

    Raises:
        UserError: a cell is not what it should be.
    """
    try:
        label = request.labels().index(row["label"])
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None
    source = row.get("source") or request.source or Path(request.csv or "table").stem
    if not row.get("patient"):
        raise UserError(f"{where}: no patient; without it a patient's scans may be parted")
    meaning = row.get("label_meaning") or f"as given in {Path(request.csv or '').name}"
    meanings = collection.label_meaning.setdefault(source, {})
    known = meaning if label is None else meanings.setdefault(str(label), meaning)
    if known != meaning:
        raise UserError(f"{where}: label_meaning {meaning!r}; {source}'s label {label} was {known!r} before")
    taken = [name for name in OURS if name in row]
    if taken:
        raise UserError(f"{where}: the column {taken[0]!r} is not the table's to set; rename it")
    extra = {
        name: text for name, text in row.items() if text and name not in (*COLUMNS, *MASKS, "label_meaning")
    }
    fields: dict[str, Any] = {
        "label": label,
        **extra,
        "patient": f"{source}-{row['patient']}",
        "source": source,
        "label_source": row.get("label_source") or "unknown",
    }
    _convert(fields, where)
    return fields


def _convert(fields: dict[str, Any], where: str) -> None:
    """Turn the texts of columns with a type into that type, in place."""
    if "age" in fields:
        fields["age"] = _number(fields["age"], "age", where)
    if "window" in fields:
        level, *width = (_number(text, "window", where) for text in fields["window"].split())
        if len(width) != 1 or width[0] <= 0:
            raise UserError(f"{where}: window {fields['window']!r}; expected 'LEVEL WIDTH' in HU")
        fields["window"] = [level, width[0]]
    intensity = fields.pop("intensity", "HU")
    if intensity.lower() not in ("hu", "windowed"):
        raise UserError(f"{where}: intensity {intensity!r}; expected HU or windowed")
    if intensity.lower() == "windowed":
        fields["intensity"] = "windowed"
    if fields.get("list", "training") not in ("training", "validation", "test"):
        raise UserError(f"{where}: list {fields['list']!r}; expected training, validation or test")


def _number(text: str, column: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise UserError(f"{where}: {column} {text!r} is not a number") from None
    return int(number) if number.is_integer() else number


TABLE = Layout(
    collect_table,
    "anything; --csv names the scans in the columns path, label, patient",
    frozenset({"csv", "source", "skip_missing"}),
    classes=None,
)
