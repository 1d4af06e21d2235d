"""A CSV file that grows while scans are answered, by one process or by several."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.csv_files import csv_text, write_rows
from scripts.files import append_whole
from scripts.processes import gather, rank

__all__ = ["GrowingTable", "Row"]

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
