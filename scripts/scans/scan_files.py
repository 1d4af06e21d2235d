"""The files behind a scan: one file, a folder of slices, or a folder inside a zip."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scripts.errors import UserError

from .zip_paths import join_zip_path, split_zip_path, zip_folders

__all__ = ["ScanFile", "scan_exists", "scan_files"]


@dataclass(frozen=True)
class ScanFile:
    """A file behind a scan.

    Attributes:
        name: relative to the root, as the scan's path is; of a zip's member, with the zip before ``::``.
        size: in bytes.
        path: of the file, or of the zip.
        member: name inside the zip, or None.
    """

    name: str
    size: int
    path: Path
    member: str | None = None

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the file to read its bytes."""
        if self.member is None:
            with self.path.open("rb") as file:
                yield file
        else:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                yield file


def scan_exists(root: Path, scan: str) -> bool:
    """Tell whether a scan is there.

    Args:
        root: what the scan's path is relative to.
        scan: a file, a folder, or ``archive.zip::folder``.

    Raises:
        UserError: it is in something that is no zip.
    """
    outer, folder = split_zip_path(scan)
    path = root / outer
    return path.exists() if folder is None else path.is_file() and folder in zip_folders(path)


def scan_files(root: Path, scan: str) -> list[ScanFile]:
    """List the files behind a scan, by name; sub-folders of a folder are not entered.

    Args:
        root: what the scan's path is relative to.
        scan: a file, a folder, or ``archive.zip::folder``.

    Raises:
        UserError: it cannot be read.
    """
    outer, folder = split_zip_path(scan)
    path = root / outer
    if folder is not None:
        members = zip_folders(path).get(folder, ())
        found = [ScanFile(join_zip_path(outer, m.filename), m.file_size, path, m.filename) for m in members]
        return sorted(found, key=lambda file: file.name)
    try:
        if not path.is_dir():
            return [ScanFile(scan, path.stat().st_size, path)]
        with os.scandir(path) as entries:
            files = [entry for entry in entries if not entry.is_dir()]
            found = [ScanFile(f"{scan}/{e.name}", e.stat().st_size, Path(e.path)) for e in files]
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from None
    return sorted(found, key=lambda file: file.name)
