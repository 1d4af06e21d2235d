"""CSV files, written and read: no cell of them is run by a spreadsheet, and all read back as they were."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from scripts.files import write_whole

__all__ = ["as_cell", "as_text", "csv_text", "read_rows", "write_rows"]

RUN = "=+@\t\r\n\uff1d\uff0b\uff0d\uff20-"  # what spreadsheets take for a formula, full-width signs too
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
FORMULA = re.compile(f"'*[{RUN}]")
ESCAPED = re.compile(f"'+[{RUN}]")


def as_cell(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would run; numbers stay numbers.

    >>> as_cell("=1+1.nii.gz"), as_cell("scan.nii.gz"), as_cell("-1.5e-05"), as_cell(-2.0)
    ("'=1+1.nii.gz", 'scan.nii.gz', '-1.5e-05', -2.0)
    """
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def as_text(cell: str) -> str:
    """Return what :func:`as_cell` was given.

    >>> as_text("'=1+1.nii.gz"), as_text(as_cell("'=1"))
    ('=1+1.nii.gz', "'=1")
    """
    return cell[1:] if ESCAPED.match(cell) else cell


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], header: bool = True) -> str:
    """Return rows as CSV.

    Args:
        columns: their names, in order.
        rows: value by name; what is missing, or None, becomes an empty cell.
        header: begin with the names.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow([as_cell(name) for name in columns])
    writer.writerows([as_cell(row.get(name, "")) for name in columns] for row in rows)
    return text.getvalue()


def write_rows(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table whole; see :func:`csv_text`."""
    write_whole(path, csv_text(columns, rows))


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of a table, every value as text.

    Args:
        path: of a file that was written here, or by others; UTF-8, with or without a byte order mark.

    Raises:
        OSError: it cannot be read.
    """
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        names = [as_text(name) for name in next(rows, [])]
        return [
            dict(zip_longest(names, map(as_text, row[: len(names)]), fillvalue="")) for row in rows if row
        ]
