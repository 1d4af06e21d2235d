"""One number for what a datalist was made from."""

import hashlib
from pathlib import Path
from typing import Any

from tqdm import tqdm

from scripts.scans import ScanFile, scan_files

from .reading import FILE_KEYS

__all__ = ["hash_content"]


def hash_content(
    root: Path, items: list[dict[str, Any]], contents: bool = False, progress: bool = False
) -> str:
    """Hash the files behind the items, independently of the items' order and of where the root lies.

    By name and size only, unless asked for the contents: a data set of hundreds of gigabytes takes
    hours to read. With the contents, each item also gains the ``sha256`` of its image's files.

    Args:
        root: what the items' paths are relative to.
        items: datalist items; changed in place with ``contents``.
        contents: read every file.
        progress: show a progress bar.

    Returns:
        A SHA-256, 64 hexadecimal digits, over the sorted lines ``name, tab, size or hash``.

    Raises:
        UserError: a file cannot be read.
    """
    lines: set[str] = set()
    for item in tqdm(items, desc="hashing", disable=not progress):
        for key in FILE_KEYS:
            if key in item:
                files = scan_files(root, item[key])
                marks = [_hash(file) if contents else str(file.size) for file in files]
                lines.update(f"{file.name}\t{mark}\n" for file, mark in zip(files, marks, strict=True))
                if contents and key == "image":
                    item["sha256"] = hashlib.sha256("".join(marks).encode()).hexdigest()
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def _hash(file: ScanFile) -> str:
    with file.open() as content:
        return hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
