"""Text files: those that users write, in UTF-8; and tables as CSV, of which a spreadsheet runs no cell."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.files import append_whole, write_whole
from scripts.processes import gather, rank

__all__ = [
    "GrowingTable",
    "Row",
    "as_cell",
    "as_text",
    "csv_text",
    "read_json",
    "read_rows",
    "read_text",
    "write_rows",
]

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str | Path) -> str:
    """Read a text file.

    Args:
        path: of a file in UTF-8; a byte order mark, as Windows' editors write it, is left out.

    Raises:
        UserError: it is UTF-16 or another encoding.
        OSError: it cannot be read.
    """
    content = Path(path).read_bytes()
    if content.startswith(UTF_16) or b"\0" in content[:4]:
        raise UserError(f"{path}: text in UTF-16; expected UTF-8; save it anew with the encoding UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 (byte {error.start + 1}); save it anew with the encoding UTF-8"
        ) from None


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


Row = Mapping[str, Any]


class GrowingTable:
    """Write rows as they come, so that an interrupted run shows them.

    Of several processes the first appends its own; at the end it puts all rows into the file, by number.

    Args:
        path: of the file.
        columns: their names, in order; a row's other values are kept, but not written.
    """

    def __init__(self, path: str | Path, columns: Sequence[str] = ()) -> None:
        self.path = Path(path)
        self.columns = columns
        self.kept: dict[int, list[Row]] = {}
        self.new: dict[int, list[Row]] = {}

    @property
    def rows(self) -> list[Row]:
        """All rows that this process knows, by number."""
        return [row for _, rows in sorted((self.kept | self.new).items()) for row in rows]

    @property
    def earlier(self) -> list[Row]:
        """The rows that are kept of an earlier run, by number."""
        return [row for _, rows in sorted(self.kept.items()) for row in rows]

    def start(self) -> None:
        """Begin with the rows of ``kept``, those of an earlier run by number, and no other."""
        self.new = {}
        if rank() == 0:
            self._write()

    def add(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Append rows, each with its number among all; those of one number take the place of earlier ones."""
        added: dict[int, list[Row]] = {}
        for number, row in rows:
            added.setdefault(number, []).append(row)
        replaces = bool(added.keys() & (self.kept.keys() | self.new.keys()))
        self.new |= added
        if rank():
            return
        if replaces:
            self._write()
        else:
            new = [row for rows_ in added.values() for row in rows_]
            append_whole(self.path, csv_text(self.columns, new, header=False))

    def finish(self) -> list[Row]:
        """Write and return the rows of all processes by number, rows of one number as they came."""
        for others in gather(self.new):
            self.new = self.new | others
        if rank() == 0:
            self._write()
        return self.rows

    def _write(self) -> None:
        write_rows(self.path, self.columns, self.rows)


def read_json(path: str | Path) -> Any:
    """Read a JSON file, written by a user or by an earlier run.

    Args:
        path: of the file.

    Raises:
        UserError: as :func:`read_text`; or it is not JSON, as a file that was cut or edited.
        OSError: it cannot be read.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError
        raise UserError(f"{path}: not JSON ({error})") from None
