"""Every scan measured once, in parallel, or found in the store of an earlier audit."""

import hashlib
import json
import logging
import os
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

from scripts.errors import UserError, words_for
from scripts.scans import DECLARED_FIELDS, file_stamps

from .measuring import Measurement, measure_header, measure_scan

__all__ = ["MeasurementStore", "measure_items", "stamp"]

logger = logging.getLogger(__name__)
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
    parts.append(file_stamps(image, item.get("slices")))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


@cache
def _code() -> str:
    """Return a digest of the sources that a measurement depends on."""
    files = [ROOM / name for name in MEASURING] + sorted((ROOM.parent / "scans").rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


class MeasurementStore:
    """A small SQLite file from stamp to measurement, each with its checksum; a damaged one is begun anew.

    Args:
        path: of the file, or None to keep nothing.

    Raises:
        UserError: another program has it open, the disk is full, or it cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.saved = 0.0
        try:
            self.database = self._open()
        except sqlite3.OperationalError as error:  # another has it open, a full disk: nothing is damaged
            raise self._mistake(error) from None
        except sqlite3.DatabaseError as error:
            logger.warning("%s is damaged (%s); it is begun anew", path, error)
            Path(str(path)).unlink(missing_ok=True)
            self.database = self._open()

    def _open(self) -> sqlite3.Connection:
        if self.path is None:
            database = sqlite3.connect(":memory:")
        else:
            try:
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666))  # as the umask says
            except OSError as error:
                raise UserError(f"{self.path}: cannot be written ({words_for(error)})") from None
            database = sqlite3.connect(self.path)
        if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            database.close()
            raise sqlite3.DatabaseError("its pages do not fit together")
        database.execute(
            "CREATE TABLE IF NOT EXISTS measurements "
            "(stamp TEXT PRIMARY KEY, plain TEXT, packed BLOB, checksum TEXT)"
        )
        return database

    def __enter__(self) -> "MeasurementStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.database.commit()
        except sqlite3.OperationalError as mistake:
            if error is None:
                raise self._mistake(mistake) from None
        finally:
            self.database.close()

    def get(self, key: str) -> Measurement | None:
        """Return what is known under a stamp, or None; also where its checksum does not hold."""
        query = "SELECT plain, packed, checksum FROM measurements WHERE stamp = ?"
        row = self.database.execute(query, (key,)).fetchone()
        if row is None:
            return None
        plain, packed, checksum = row
        if checksum != _checksum(key, plain, packed):
            logger.warning("%s: a measurement is damaged; its scan is measured again", self.path)
            return None
        return Measurement.from_plain(json.loads(plain), packed)

    def put(self, key: str, measurement: Measurement) -> None:
        """Keep a measurement; saved within a second, so that a killed audit goes on where it stopped."""
        content, packed = measurement.as_plain()
        plain = json.dumps(content)
        row = key, plain, packed, _checksum(key, plain, packed)
        try:
            self.database.execute("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?)", row)
            if time.monotonic() > self.saved + UNSAVED:
                self.database.commit()
                self.saved = time.monotonic()
        except sqlite3.OperationalError as error:
            raise self._mistake(error) from None

    def _mistake(self, error: sqlite3.OperationalError) -> UserError:
        path = Path(str(self.path))
        if "full" in str(error):
            return UserError(f"no space left on {path.parent}: needs about 1 MB for {path.name}")
        return UserError(f"{path}: cannot be used ({error}); is another audit at work? Nothing in it is lost")


def _checksum(key: str, plain: str, packed: bytes | None) -> str:
    digest = hashlib.sha256(f"{key} {plain}".encode("utf-8", "surrogateescape"))
    digest.update(packed or b"")
    return digest.hexdigest()
