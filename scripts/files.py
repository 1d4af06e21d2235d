"""Files written whole: under another name, flushed to disk, then renamed; and their digests."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["sha256_of", "write_whole"]


def write_whole(path: str | Path, content: str | bytes | Callable[[Any], None]) -> None:
    """Write a file so that no reader, and no crash, ever sees a part of it.

    Args:
        path: of the file; its folder is made where it is missing.
        content: text, written as UTF-8; bytes; or a function that writes to an open binary file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file, in 64 hexadecimal digits.

    Args:
        path: of the file; read in pieces.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
