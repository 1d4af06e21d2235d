"""Scans that stay inside a zip: ``CP-1.zip::CP/1000/3000``, or ``scans.zip::CP/a.nii.gz``.

The contract between who writes a datalist and who reads a scan: the path of the zip, ``::``, and inside the
zip the folder of the scan's slices, or the scan's file, with ``/`` between its parts. Nothing is unpacked.
"""

import logging
import os
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from scripts.errors import UserError

__all__ = [
    "ENCRYPTED",
    "is_dropping",
    "join_zip_path",
    "split_zip_path",
    "zip_folders",
    "zip_holds",
    "zip_members",
]

logger = logging.getLogger(__name__)
IN_ZIP = re.compile(r"(?P<archive>.+?\.zip)::(?P<inner>.*)", re.IGNORECASE | re.DOTALL)
ENCRYPTED = 0x1  # bit of a zip member's flags (PKWARE APPNOTE 4.4.4)
DROPPINGS = {  # what systems leave beside users' files; and all names that begin with a dot
    "__macosx",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "$recycle.bin",
    "system volume information",
    "@eadir",
    "lost+found",
    "icon\r",
}


def is_dropping(name: str) -> bool:
    """Tell the name of a file or folder that an operating system left, or that is hidden.

    >>> [is_dropping(name) for name in ("._a.nii.gz", ".DS_Store", "Thumbs.db", "__MACOSX", "a.nii.gz")]
    [True, True, True, True, False]
    """
    return name.startswith(".") or name.lower() in DROPPINGS


def join_zip_path(archive: str, inner: str) -> str:
    """Name a folder or a file inside a zip.

    >>> join_zip_path("CP-1.zip", "CP/1000/3000")
    'CP-1.zip::CP/1000/3000'
    """
    return f"{archive}::{inner}"


def split_zip_path(path: str) -> tuple[str, str | None]:
    """Return the file and what is named inside it, which is None for what does not lie in a zip.

    >>> split_zip_path("zips/CP-1.zip::CP/1000/3000")
    ('zips/CP-1.zip', 'CP/1000/3000')
    >>> split_zip_path("scans/a.nii.gz")
    ('scans/a.nii.gz', None)
    """
    match = IN_ZIP.fullmatch(path)
    return (match["archive"], match["inner"]) if match else (path, None)


def zip_members(archive: Path, inner: str) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Give the files that a name inside a zip stands for: those of the folder, or the one file.

    Args:
        archive: the zip.
        inner: of a folder or a file in it, with or without a slash at its end.

    Yields:
        Each file's name without its folder, and the zip's entry of it.

    Raises:
        UserError: the zip is missing, or none.
    """
    folders = zip_folders(archive)
    folder, _, name = inner.rstrip("/").rpartition("/")
    if inner.rstrip("/") in folders:
        folder, name = inner.rstrip("/"), ""
    for member in folders.get(folder, ()):
        base = re.split(r"[/\\]", member.filename)[-1]
        if name in ("", base):
            yield base, member


def zip_holds(archive: Path, inner: str) -> bool:
    """Tell whether a zip has a file or folder of a name, with files in it or below.

    Raises:
        UserError: the zip is missing, or none.
    """
    below = inner.rstrip("/") + "/" if inner else ""
    deeper = any(f"{folder}/".startswith(below) for folder in zip_folders(archive))
    return deeper or any(True for _ in zip_members(archive, inner))


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
    except (zipfile.BadZipFile, NotImplementedError) as error:
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
            elif not member.is_dir() and not any(map(is_dropping, path.parts)):
                folders.setdefault("/".join(path.parts[:-1]), []).append(member)
    if unsafe:
        logger.warning("%s: %d members whose names lead out of the zip were left out", archive.name, unsafe)
    return {folder: tuple(members) for folder, members in folders.items()}
