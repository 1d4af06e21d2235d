"""Measurements kept beside the audit, so that the next one reads only what changed."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from scripts.errors import UserError
from scripts.scans import DECLARED_FIELDS, scan_files, split_zip_path

from .measuring import Measurement

__all__ = ["MeasurementStore", "stamp"]

ROOM = Path(__file__).parent
MEASURING = ("background.py", "header.py", "measuring.py", "signature.py", "slice_order.py")
UNSAVED = 1.0  # seconds: ten thousand headers would be as many commits


def stamp(item: Mapping[str, Any], headers_only: bool) -> str:
    """Return a digest of a scan's files by name, size and time of change, and of the code that measures.

    Args:
        item: with an absolute ``image``, and perhaps what is declared of it.
        headers_only: whether only the header is measured.
    """
    image = str(item["image"])
    declared = {key: item[key] for key in DECLARED_FIELDS if key in item}
    parts = [str(headers_only), _code(), image, json.dumps(declared)]
    outer, inner = split_zip_path(image)
    try:
        paths = [Path(outer)] if inner is not None else [file.path for file in scan_files(Path("/"), image)]
        stats = [(path, path.stat()) for path in paths]
        parts += [f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats]
    except (OSError, UserError):
        parts.append("missing")
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


@cache
def _code() -> str:
    """Return a digest of the sources that a measurement depends on."""
    files = [ROOM / name for name in MEASURING] + sorted((ROOM.parents[1] / "scans").rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


class MeasurementStore:
    """A small SQLite file from stamp to measurement; a damaged one is begun anew.

    Args:
        path: of the file, or None to keep nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.saved = 0.0
        try:
            self.database = self._open()
        except sqlite3.DatabaseError:
            if path is not None:
                path.unlink(missing_ok=True)
            self.database = self._open()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path or ":memory:")
        database.execute("PRAGMA synchronous = OFF")  # what a power cut damages is measured again
        database.execute("CREATE TABLE IF NOT EXISTS scans (stamp TEXT PRIMARY KEY, plain TEXT, packed BLOB)")
        return database

    def __enter__(self) -> "MeasurementStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.database.commit()
        self.database.close()

    def get(self, key: str) -> Measurement | None:
        """Return what is known under a stamp, or None."""
        row = self.database.execute("SELECT plain, packed FROM scans WHERE stamp = ?", (key,)).fetchone()
        return None if row is None else Measurement.from_plain(json.loads(row[0]), row[1])

    def put(self, key: str, measurement: Measurement) -> None:
        """Keep a measurement; saved within a second, so that a killed audit goes on where it stopped."""
        plain, packed = measurement.as_plain()
        self.database.execute(
            "INSERT OR REPLACE INTO scans VALUES (?, ?, ?)", (key, json.dumps(plain), packed)
        )
        if time.monotonic() > self.saved + UNSAVED:
            self.database.commit()
            self.saved = time.monotonic()
