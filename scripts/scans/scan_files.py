"""The files behind a scan: one file, a folder of slices, or a folder inside a zip."""

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scripts.errors import UserError

from .zip_paths import join_zip_path, split_zip_path, zip_folders

__all__ = ["ScanFile", "opener", "scan_exists", "scan_files"]

ENCRYPTED = 0x1  # bit of a zip member's flags (PKWARE APPNOTE 4.4.4)


@dataclass(frozen=True)
class ScanFile:
    """A file behind a scan.

    Attributes:
        name: relative to the root, as the scan's path is; of a zip's member, with the zip before ``::``.
        size: in bytes.
        path: of the file, or of the zip.
        member: name inside the zip, or None.
        packed_size: in bytes, as it lies in the zip; ``size`` outside of one.
        locked: by a password, in a zip.
    """

    name: str
    size: int
    path: Path
    member: str | None = None
    packed_size: int = 0
    locked: bool = False

    @property
    def base_name(self) -> str:
        """The name without its folder."""
        return self.path.name if self.member is None else self.member.rpartition("/")[2]

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the file to read its bytes."""
        with opener() as open_file, open_file(self) as file:
            yield file


@contextmanager
def opener() -> Iterator[Callable[[ScanFile], IO[bytes]]]:
    """Return a function that opens files; each zip's directory is read only once, until the end."""
    with ExitStack() as stack:
        archives: dict[Path, zipfile.ZipFile] = {}

        def open_file(file: ScanFile) -> IO[bytes]:
            if file.member is None:
                return file.path.open("rb")
            if file.path not in archives:
                archives[file.path] = stack.enter_context(zipfile.ZipFile(file.path))
            return archives[file.path].open(file.member)

        yield open_file


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
        found: Iterable[ScanFile] = [
            ScanFile(
                join_zip_path(outer, m.filename),
                m.file_size,
                path,
                m.filename,
                m.compress_size,
                locked=bool(m.flag_bits & ENCRYPTED),
            )
            for m in zip_folders(path).get(folder, ())
        ]
        return sorted(found, key=lambda file: file.name)
    try:
        if not path.is_dir():
            return [_plain(scan, path, path.stat().st_size)]
        with os.scandir(path) as entries:
            files = [e for e in entries if e.is_file() or not Path(e.path).exists()]  # no pipes: they hang
            found = [_plain(f"{scan}/{e.name}", Path(e.path), e.stat().st_size) for e in files]
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from None
    return sorted(found, key=lambda file: file.name)


def _plain(name: str, path: Path, size: int) -> ScanFile:
    return ScanFile(name, size, path, packed_size=size)
