"""CSV tables, read and checked."""

import csv
from collections.abc import Sequence
from pathlib import Path

from scripts.errors import UserError
from scripts.text_files import read_text

__all__ = ["read_table"]

DELIMITERS = ",;\t"


def read_table(path: Path, required: Sequence[str]) -> dict[int, dict[str, str]]:
    """Read a CSV with a header; commas, semicolons or tabs part its columns.

    Args:
        path: the table, in UTF-8.
        required: columns that it must have; further ones come back too.

    Returns:
        Line number to row, column to text without blanks around it. Lines without any text are left out.

    Raises:
        UserError: the file is missing, not UTF-8 or empty, or columns are missing, twice there, or uneven.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); a CSV is expected there") from None
    lines = text.splitlines()
    if not lines:
        raise UserError(f"{path}: empty; expected a header with the columns {', '.join(required)}")
    reader = csv.reader(lines, delimiter=max(DELIMITERS, key=lines[0].count))
    header = [name.strip() for name in next(reader)]
    absent = [name for name in required if name not in header]
    if absent:
        raise UserError(f"{path}: no column {', '.join(map(repr, absent))}; found {', '.join(header)}")
    if len(set(header)) < len(header):
        raise UserError(f"{path}: a column's name is there twice: {', '.join(header)}")
    rows: dict[int, dict[str, str]] = {}
    for cells in reader:
        if any(cell.strip() for cell in cells):
            if len(cells) != len(header):
                raise UserError(
                    f"{path}: line {reader.line_num} has {len(cells)} cells, the header has {len(header)}"
                )
            rows[reader.line_num] = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    return rows
