"""Scans that stay inside a zip: ``CP-1.zip::CP/1000/3000``.

The contract between who writes a datalist and who reads a scan: the path of the zip, ``::``, and the folder
of the scan's slices inside the zip, with ``/`` between its parts. Nothing is unpacked.
"""

import logging
import os
import re
import zipfile
from functools import lru_cache
from pathlib import Path, PurePosixPath

from scripts.errors import UserError

__all__ = ["join_zip_path", "split_zip_path", "zip_folders"]

logger = logging.getLogger(__name__)
IN_ZIP = re.compile(r"(?P<archive>.+?\.zip)::(?P<folder>.*)", re.IGNORECASE | re.DOTALL)


def join_zip_path(archive: str, folder: str) -> str:
    """Name a folder inside a zip.

    >>> join_zip_path("CP-1.zip", "CP/1000/3000")
    'CP-1.zip::CP/1000/3000'
    """
    return f"{archive}::{folder}"


def split_zip_path(path: str) -> tuple[str, str | None]:
    """Return the file and the folder inside it, which is None for what does not lie in a zip.

    >>> split_zip_path("zips/CP-1.zip::CP/1000/3000")
    ('zips/CP-1.zip', 'CP/1000/3000')
    >>> split_zip_path("scans/a.nii.gz")
    ('scans/a.nii.gz', None)
    """
    match = IN_ZIP.fullmatch(path)
    return (match["archive"], match["folder"]) if match else (path, None)


def zip_folders(archive: Path) -> dict[str, tuple[zipfile.ZipInfo, ...]]:
    """Return the files of every folder of a zip that holds any, from its directory alone.

    Nothing is ever written where a zip says; members whose names are absolute or climb out of it by ``..``
    are passed over all the same, and counted in the log, as are those that operating systems leave.

    Args:
        archive: the zip.

    Raises:
        UserError: it is missing, or no zip.
    """
    try:
        stat = archive.stat()
        return _zip_folders(archive, (stat.st_mtime_ns, stat.st_size))
    except OSError as error:
        raise UserError(f"{archive}: cannot be read ({os.strerror(error.errno or 0)})") from None
    except zipfile.BadZipFile as error:
        raise UserError(f"{archive}: not a whole zip ({error}); download it again") from None


@lru_cache(maxsize=256)
def _zip_folders(archive: Path, stamp: tuple[int, int]) -> dict[str, tuple[zipfile.ZipInfo, ...]]:
    """As :func:`zip_folders`; the stamp makes a replaced zip be read again."""
    folders: dict[str, list[zipfile.ZipInfo]] = {}
    unsafe = 0
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            path = PurePosixPath(member.filename.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", member.filename):
                unsafe += 1
            elif not member.is_dir() and path.parts[:1] != ("__MACOSX",) and not path.name.startswith("."):
                folders.setdefault("/".join(path.parts[:-1]), []).append(member)
    if unsafe:
        logger.warning("%s: %d members whose names lead out of the zip were left out", archive.name, unsafe)
    return {folder: tuple(members) for folder, members in folders.items()}
