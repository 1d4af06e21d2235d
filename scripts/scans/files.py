"""The files behind a scan: one file, a folder of slices, or either inside a zip; and their names."""

import gzip
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from scripts.errors import UserError

from .zips import ENCRYPTED, join_zip_path, split_zip_path, zip_holds, zip_members

__all__ = [
    "ScanFile",
    "file_stem",
    "folder_files",
    "natural_order",
    "opener",
    "path_for_library",
    "scan_exists",
    "scan_files",
    "shown",
]

GZIP = b"\x1f\x8b"
SCAN_ENDINGS = (
    ".gz",
    ".nii",
    ".nrrd",
    ".mha",
    ".mhd",
    ".hdr",
    ".nhdr",
    ".npy",
    ".npz",
    ".dcm",
    ".tiff",
    ".tif",
)


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
        return self.path.name if self.member is None else re.split(r"[/\\]", self.member)[-1]

    @property
    def folder(self) -> str:
        """The folder's name, in a zip with the zip before ``::``; ``.`` where the name has none."""
        return self.name[: len(self.name) - len(self.base_name)].rstrip("/") or "."

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the file to read its bytes as they lie on the disk or in the zip."""
        with opener(unpack=False) as open_file, open_file(self) as file:
            yield file

    def beside(self, name: str) -> "ScanFile | None":
        """Return the file of another name in the same folder, or None where there is none.

        Args:
            name: without a folder.
        """
        if not name or name in (".", "..") or re.search(r"[/\\\0]", name):
            return None
        folder = self.name[: len(self.name) - len(self.base_name)]
        if self.member is not None:
            members = zip_members(self.path, self.member[: len(self.member) - len(self.base_name)])
            return next((_packed(f"{folder}{name}", self.path, m) for n, m in members if n == name), None)
        path = self.path.with_name(name)
        return _plain(folder + name, path, path.stat().st_size) if path.is_file() else None


class _Unpacked(gzip.GzipFile):
    """A gzip stream that closes what it reads from."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(fileobj=stream)
        self.stream = stream

    def close(self) -> None:
        super().close()
        self.stream.close()


@contextmanager
def opener(unpack: bool = True) -> Iterator[Callable[[ScanFile], IO[bytes]]]:
    """Return a function that opens files; each zip's directory is read only once, until the end.

    Args:
        unpack: what begins as gzip does is unpacked, whatever it is called.
    """
    with ExitStack() as stack:
        archives: dict[Path, zipfile.ZipFile] = {}

        def open_file(file: ScanFile) -> IO[bytes]:
            if file.member is None:
                stream: IO[bytes] = file.path.open("rb")
            else:
                if file.path not in archives:
                    archives[file.path] = stack.enter_context(zipfile.ZipFile(file.path))
                stream = archives[file.path].open(file.member)
            start = stream.peek(2)[:2]  # type: ignore[attr-defined]
            return cast(IO[bytes], _Unpacked(stream)) if unpack and start == GZIP else stream

        yield open_file


@contextmanager
def path_for_library(file: ScanFile, start: bytes = b"", skip: int = 0, unpack: bool = True) -> Iterator[str]:
    """Give a path to a library that reads nothing else; what is packed is unpacked to memory only.

    Args:
        file: whose bytes are wanted; a name that is not UTF-8 is not shown to the library.
        start: bytes to stand before them.
        skip: bytes of the file to leave out.
        unpack: what begins as gzip does is unpacked first.

    Raises:
        UserError: the system has no files in memory, and the file cannot be given as it is.
    """
    with opener(unpack) as open_file, open_file(file) as content:
        plain = not (start or skip or file.member or isinstance(content, _Unpacked))
        if plain and shown(str(file.path)) == str(file.path):
            yield str(file.path)
            return
        if not hasattr(os, "memfd_create"):
            raise UserError("in a zip, packed or with an unusual name it is read on Linux only; unpack it")
        handle = os.memfd_create("scan")
        try:
            with open(handle, "wb", closefd=False) as memory:
                memory.write(start)
                content.seek(skip)
                while block := content.read(2**22):
                    memory.write(block)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)


def scan_exists(root: Path, scan: str) -> bool:
    """Tell whether a scan is there.

    Args:
        root: what the scan's path is relative to.
        scan: a file, a folder, or ``archive.zip::folder`` or ``archive.zip::folder/file``.

    Raises:
        UserError: it is in something that is no zip.
    """
    outer, inner = split_zip_path(scan)
    path = root / outer
    if inner is None:
        return path.exists()
    return path.is_file() and zip_holds(path, inner)


def scan_files(root: Path, scan: str) -> list[ScanFile]:
    """List the files behind a scan, by name; sub-folders of a folder are not entered.

    Args:
        root: what the scan's path is relative to.
        scan: a file, a folder, or ``archive.zip::folder`` or ``archive.zip::folder/file``.

    Raises:
        UserError: it cannot be read.
    """
    outer, inner = split_zip_path(scan)
    path = root / outer
    if inner is not None:
        members = (member for _, member in zip_members(path, inner))
        files = [_packed(join_zip_path(outer, member.filename), path, member) for member in members]
        return sorted(files, key=lambda file: file.name)
    try:
        return folder_files(scan, path) if path.is_dir() else [_plain(scan, path, path.stat().st_size)]
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from None


def folder_files(name: str, folder: Path) -> list[ScanFile]:
    """List the files of a folder by name, without what hangs when it is read (pipes, devices).

    Args:
        name: of the folder, for the files' names.
        folder: where it is.

    Raises:
        OSError: it, or one of its files, cannot be looked at, such as a link that leads nowhere.
    """
    with os.scandir(folder) as entries:
        files = [e for e in entries if e.is_file() or not Path(e.path).exists()]
        found = [_plain(f"{name}/{e.name}", Path(e.path), e.stat().st_size) for e in files]
    return sorted(found, key=lambda file: file.name)


def natural_order(name: str) -> list[tuple[int, str]]:
    """Sort key that puts ``scan2`` before ``scan10``.

    >>> sorted(["10.jpg", "9.jpg"], key=natural_order)
    ['9.jpg', '10.jpg']
    """
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


def file_stem(name: str) -> str:
    """Return a file name without folder and the endings that scans have.

    Example:
        >>> file_stem("patients/7/chest.nii.gz")
        'chest'
    """
    stem = Path(name).name or "scan"
    for ending in SCAN_ENDINGS:
        stem = stem.removesuffix(ending)
    return stem or "scan"


def shown(name: str) -> str:
    r"""Return a file name as text that any output holds: bytes that are not UTF-8 are escaped.

    >>> shown("M\udcfcller.nii.gz") == "M" + chr(92) + "xfcller.nii.gz"
    True
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _plain(name: str, path: Path, size: int) -> ScanFile:
    return ScanFile(name, size, path, packed_size=size)


def _packed(name: str, archive: Path, member: zipfile.ZipInfo) -> ScanFile:
    locked = bool(member.flag_bits & ENCRYPTED)
    return ScanFile(name, member.file_size, archive, member.filename, member.compress_size, locked)
