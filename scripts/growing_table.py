"""A CSV file that grows while scans are answered, by one process or by several."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from scripts.csv_files import csv_text, write_rows
from scripts.processes import gather, rank

__all__ = ["GrowingTable"]


class GrowingTable:
    """Write rows as they come, so that an interrupted run keeps them.

    Of several processes each writes a file of its own (``NAME.RANK.csv`` beside ``NAME.csv``); at the end
    the first process puts all rows into ``NAME.csv`` in their order, and the others remove theirs.

    Args:
        path: of the file.
        columns: their names, in order.
    """

    def __init__(self, path: str | Path, columns: Sequence[str]) -> None:
        self.path = Path(path)
        self.own_path = self.path.with_suffix(f".{rank()}.csv") if rank() else self.path
        self.columns = columns
        self.rows: list[tuple[int, Mapping[str, Any]]] = []

    def start(self) -> None:
        """Begin anew: a file with the names of the columns."""
        self.rows = []
        self.own_path.parent.mkdir(parents=True, exist_ok=True)
        self._write(self.own_path, [])

    def add(self, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """Append rows, each with its position among all."""
        rows = list(rows)
        self.rows += rows
        with self.own_path.open("a", newline="", encoding="utf-8") as file:
            file.write(csv_text(self.columns, [row for _, row in rows], header=False))

    def finish(self) -> list[Mapping[str, Any]]:
        """Return the rows of all processes by position, rows of one position as they came."""
        rows = [row for _, row in sorted(chain(*gather(self.rows)), key=itemgetter(0))]
        if rank():
            self.own_path.unlink()
        else:
            self._write(self.path, rows)
        return rows

    def _write(self, path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
        write_rows(path, self.columns, rows)
