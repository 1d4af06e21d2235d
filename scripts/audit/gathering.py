"""Every scan measured once, in parallel, or found in the store of an earlier audit."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

from scripts.errors import UserError
from scripts.scans import DECLARED_FIELDS, scan_files, split_zip_path

from .measuring import Measurement, measure_header, measure_scan

__all__ = ["MeasurementStore", "measure_items", "stamp"]

HEADERS = 1000  # that a process reads in the time that its start takes
Item = dict[str, Any]
ROOM = Path(__file__).parent
MEASURING = ("background.py", "likeness.py", "measuring.py")
UNSAVED = 1.0  # seconds: ten thousand headers would be as many commits


def measure_items(
    items: Sequence[Item],
    headers_only: bool = False,
    workers: int = 1,
    path: Path | None = None,
    progress: bool = False,
) -> dict[str, Measurement]:
    """Return the measurement of each key, from the store where its files have not changed.

    Args:
        items: see :func:`~.lists.place_items`.
        headers_only: read no voxel.
        workers: processes.
        path: of the store, or None.
        progress: show a progress bar.
    """
    unique = {item["key"]: item for item in items}
    stamps = {key: stamp(item, headers_only) for key, item in unique.items()}
    with MeasurementStore(path) as store:
        found = {key: known for key, mark in stamps.items() if (known := store.get(mark)) is not None}
        rest = [item for key, item in unique.items() if key not in found]
        measuring = _measured(rest, headers_only, workers)
        for key, known in tqdm(measuring, "auditing", len(rest), disable=not progress, unit="scan"):
            store.put(stamps[key], known)
            found[key] = known
    return found


def _measured(items: list[Item], headers_only: bool, workers: int) -> Iterator[tuple[str, Measurement]]:
    measure, share = (_measure_header, HEADERS) if headers_only else (_measure_scan, 1)
    workers = min(workers, len(items) // share)
    if workers <= 1:
        yield from map(measure, items)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(measure, items, chunksize=min(share, 50))


def _measure_header(item: Item) -> tuple[str, Measurement]:
    return item["key"], measure_header(item)


def _measure_scan(item: Item) -> tuple[str, Measurement]:
    return item["key"], measure_scan(item)


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
    files = [ROOM / name for name in MEASURING] + sorted((ROOM.parent / "scans").rglob("*.py"))
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
