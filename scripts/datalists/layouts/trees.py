"""Folders, listed as people number them."""

import os
from pathlib import Path

from scripts.errors import UserError
from scripts.scans import natural_order

__all__ = ["list_folder"]

NOISE = ("__MACOSX", "Thumbs.db", "desktop.ini")  # what operating systems leave behind, beside dot files


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
        raise UserError(f"{folder}: not a folder that can be read ({error.strerror})") from None
    names = sorted(known, key=natural_order)
    return [name for name in names if known[name]], [name for name in names if not known[name]]
