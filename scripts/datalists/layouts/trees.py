"""Folders, listed as people number them."""

import os
import re
from pathlib import Path

from scripts.errors import UserError

__all__ = ["IMAGE_ENDINGS", "is_image", "list_folder", "natural_order"]

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp")
NOISE = ("__MACOSX", "Thumbs.db", "desktop.ini")  # what operating systems leave behind, beside dot files


def natural_order(name: str) -> list[tuple[int, str]]:
    """Sort key that puts ``scan2`` before ``scan10``.

    >>> sorted(["10.jpg", "9.jpg"], key=natural_order)
    ['9.jpg', '10.jpg']
    """
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


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


def is_image(name: str) -> bool:
    """Tell a slice saved as a picture by its name's ending."""
    return name.lower().endswith(IMAGE_ENDINGS)
