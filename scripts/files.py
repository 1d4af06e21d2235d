"""Files written whole: in memory, under another name, flushed to disk, renamed; and their digests.

All files that the bundle writes come from here, so what holds for one holds for all: no crash leaves half a
file under its name, a full disk costs one line, and the umask says who may read it.
"""

import errno
import gzip
import hashlib
import io
import itertools
import json
import os
import re
import socket
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from scripts.errors import UserError, words_for

__all__ = [
    "append_whole",
    "is_alive",
    "read_archive",
    "sha256_of",
    "sweep_partials",
    "write_json",
    "write_nifti",
    "write_whole",
]

FULL = (errno.ENOSPC, errno.EDQUOT)
HOST = socket.gethostname().split(".")[0][:32]
PARTIAL = re.compile(r".+\.(?P<host>[^.]+)\.(?P<process>\d+)\.partial")
SERIAL = itertools.count()  # two threads may write one file
ABANDONED = 600.0  # seconds: what lies in memory is written in less, so whoever began is gone


def write_whole(path: str | Path, content: str | bytes | Callable[[Any], Any], private: bool = False) -> None:
    """Write a file so that no reader, and no crash, ever sees a part of it.

    Args:
        path: of the file; its folder is made where it is missing.
        content: text, written as UTF-8; bytes; or a function that writes to an open binary file in memory.
        private: nobody but its owner may read it, whatever the umask.

    Raises:
        UserError: the disk is full, or the file cannot be written there. Nothing of it stays.
    """
    path = Path(path)
    memory = _in_memory(content)
    partial = path.with_name(f"{path.name[:32]}.{next(SERIAL)}.{HOST}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o600 if private else 0o666
        with open(partial, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(memory)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        _remove(partial)
        raise _mistake(error, path, len(memory)) from error
    except BaseException:
        _remove(partial)
        raise


def append_whole(path: str | Path, text: str) -> None:
    """Append to a file that grows, flushed to disk; a full disk leaves it as it was.

    Args:
        path: of a file that is there.
        text: whole lines; a reader must pass over a last one that a crash cut short.

    Raises:
        UserError: the disk is full, or the file cannot be written.
    """
    path, content = Path(path), text.encode()
    try:
        with path.open("ab") as file:
            before = file.tell()
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(path, before)
                raise
    except OSError as error:
        raise _mistake(error, path, len(content)) from error


def write_json(path: str | Path, content: Any, indent: int = 2, **options: Any) -> None:
    """Write a JSON file; see :func:`write_whole`.

    Args:
        path: of the file.
        content: anything that JSON can hold.
        indent: spaces a level.
        options: of ``json.dumps``.
    """
    write_whole(path, json.dumps(content, indent=indent, **options) + "\n")


def write_nifti(path: str | Path, image: Any) -> None:
    """Write a NIfTI file, the same bytes for the same image; see :func:`write_whole`.

    Args:
        path: packed where it ends in ``.gz``.
        image: a ``nibabel.Nifti1Image``.
    """

    def write(file: Any) -> None:
        if Path(path).suffix == ".gz":
            with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed:
                image.to_stream(packed)
        else:
            image.to_stream(file)

    write_whole(path, write)


def read_archive(path: str | Path) -> io.BytesIO:
    """Return the content of a zip, such as ``torch.save`` writes, once its checksums hold.

    ``torch.load`` does not look at them: of a damaged file it returns other numbers.

    Args:
        path: of the file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or no such file.
    """
    content = io.BytesIO(Path(path).read_bytes())
    try:
        with zipfile.ZipFile(content) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: damaged ({error})") from None
    if damaged is not None:
        raise ValueError(f"{path}: damaged (the checksum of {damaged} does not hold)")
    content.seek(0)
    return content


def sweep_partials(folder: str | Path, alone: bool = False, below: bool = False) -> None:
    """Remove what killed processes left of files that they were about to write.

    Args:
        folder: in which files are written.
        alone: no other process writes here, as a lock says: all that is left is swept. Else what a living
            process of this machine began stays, and what another machine
            wrote within ten minutes.
        below: enter the folders in it too, which others may share.
    """
    try:
        found = list(Path(folder).glob("**/*.partial" if below else "*.partial"))
    except OSError:
        return
    for path in found:
        begun = PARTIAL.fullmatch(path.name)
        own = alone and path.parent == Path(folder)
        if begun and (own or _is_abandoned(path, begun["host"], int(begun["process"]))):
            _remove(path)


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file, in 64 hexadecimal digits.

    Args:
        path: of the file; read in pieces.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_memory(content: str | bytes | Callable[[Any], Any]) -> bytes | memoryview:
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes):
        return content
    memory = io.BytesIO()
    content(memory)
    return memory.getbuffer()


def _mistake(error: OSError, path: Path, size: int) -> UserError:
    if error.errno in FULL:
        megabytes = max(1, -(-size // 10**6))
        return UserError(f"no space left on {path.parent}: needs about {megabytes} MB for {path.name}")
    return UserError(f"{path}: cannot be written ({words_for(error)})")


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _is_abandoned(path: Path, host: str, process: int) -> bool:
    if host == HOST and (process == os.getpid() or not is_alive(process)):
        return True
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > ABANDONED
    return False


def is_alive(process: int) -> bool:
    """Say whether a process of this machine lives.

    Args:
        process: its number.
    """
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
