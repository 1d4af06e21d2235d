"""What a release is made of: folders as people number them, CSV tables, and what they say of a person."""

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path

from scripts.errors import UserError, words_for
from scripts.scans import natural_order
from scripts.text_files import read_text

__all__ = ["find_table", "list_folder", "of_person", "read_table"]

NOISE = ("__MACOSX", "Thumbs.db", "desktop.ini")  # what operating systems leave behind, beside dot files
DELIMITERS = ",;\t"
SEXES = {"m": "M", "male": "M", "man": "M", "1": "M", "f": "F", "female": "F", "woman": "F", "2": "F"}
YEARS = re.compile(r"0*(\d{1,3})(?:\.\d*)?\s*(?:y|years?)?", re.IGNORECASE)  # 053Y, 53, 53.0


def list_folder(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the folders and of the files in a folder, in natural order; links are followed.

    Raises:
        UserError: it is missing, no folder, or may not be read.
    """
    try:
        with os.scandir(folder) as entries:
            known = {
                entry.name: entry.is_dir()
                for entry in entries
                if entry.name[0] != "." and entry.name not in NOISE
            }
    except OSError as error:
        raise UserError(f"{folder}: not a folder that can be read ({words_for(error)})") from None
    names = sorted(known, key=natural_order)
    return [name for name in names if known[name]], [name for name in names if not known[name]]


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
        raise UserError(f"{path}: cannot be read ({words_for(error)}); a CSV is expected there") from None
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


def find_table(root: Path, names: Sequence[str]) -> Path | None:
    """Return the first of these files that lies in the root, in one of its folders or beside it."""
    places = [root, *(root / folder for folder in list_folder(root)[0]), root.parent]
    found = (place / name for name in names for place in places)
    return next((path for path in found if path.is_file()), None)


def of_person(age: str = "", sex: str = "") -> dict[str, int | str]:
    """Return the fields ``age``, in years, and ``sex``, as far as a release says them.

    Args:
        age: such as ``053Y``, ``53`` or ``53.0``; what is none of these is not taken.
        sex: a word, a letter, or 1 (male) and 2 (female) as in several releases.

    >>> of_person("053Y", "Female"), of_person("N/A", "1.0")
    ({'age': 53, 'sex': 'F'}, {'sex': 'M'})
    """
    fields: dict[str, int | str] = {}
    years = YEARS.fullmatch(age.strip())
    if years:
        fields["age"] = int(years[1])
    letter = SEXES.get(sex.strip().lower().removesuffix(".0"))
    return fields | ({"sex": letter} if letter else {})
