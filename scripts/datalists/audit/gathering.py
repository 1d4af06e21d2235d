"""Every scan measured once, in parallel, or found in the store."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .measuring import Measurement, measure_header, measure_scan
from .store import MeasurementStore, stamp

__all__ = ["measure_items"]

HEADERS = 1000  # that a process reads in the time that its start takes
Item = dict[str, Any]


def measure_items(
    items: Sequence[Item],
    headers_only: bool = False,
    workers: int = 1,
    path: Path | None = None,
    progress: bool = False,
) -> dict[str, Measurement]:
    """Return the measurement of each key, from the store where its files have not changed.

    Args:
        items: see :func:`~.placing.place_items`.
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
