"""The whole audit: every scan measured once, then every check."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from joblib import cpu_count
from tqdm import tqdm

from scripts.errors import UserError

from ..building import CLASSES
from ..reading import read_datalist
from .features import feature_table, subjects
from .finding import SKIPPED, Finding, verdict_of
from .identical_scans import check_identical_scans, file_identity
from .label_conflict import check_label_conflict
from .measuring import Measurement, measure_header, measure_scan
from .near_identical import check_near_identical
from .patient_overlap import check_patient_overlap
from .placing import place_items
from .readable import check_field_of_view, check_intensity, check_readable
from .shortcuts import check_associations, check_probe
from .slices import check_slices
from .store import MeasurementStore, stamp

__all__ = ["AUDIT", "Audit", "audit_datalist", "check_lists", "datalist_hash"]

AUDIT = "audit.json"  # beside the datalist: where training looks
Item = dict[str, Any]


@dataclass(frozen=True)
class Audit:
    """The answers of all checks.

    Attributes:
        datalist: the name that the file gives itself.
        datalist_sha256: of the file that was audited.
        scans: their number.
        headers_only: whether no voxel was looked at.
        findings: one a check.
    """

    datalist: str
    datalist_sha256: str
    scans: int
    headers_only: bool
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> str:
        """The worst status of all."""
        return verdict_of(self.findings)

    @property
    def hard_errors(self) -> list[str]:
        """Names of the checks that stop training."""
        return [finding.check for finding in self.findings if finding.hard]

    def as_json(self) -> dict[str, Any]:
        """Return the content of ``audit.json``."""
        return {
            "datalist": self.datalist,
            "datalist_sha256": self.datalist_sha256,
            "scans": self.scans,
            "headers_only": self.headers_only,
            "verdict": self.verdict,
            "hard_errors": self.hard_errors,
            "checks": [finding.as_json() for finding in self.findings],
        }


def audit_datalist(
    datalist: str | Path,
    headers_only: bool = False,
    workers: int | None = None,
    store: Path | None = None,
    progress: bool = False,
) -> Audit:
    """Measure every scan of a datalist and check them all.

    Each process holds one scan at a time; of a scan remain a few kilobytes. More than one worker needs an
    importable main module, as Python's spawned processes do.

    Args:
        datalist: a ``datalist.json``; patients on both sides of a split are found, not refused.
        headers_only: read no voxel.
        workers: processes; all cores if None.
        store: file in which measurements are kept for the next audit, or None.
        progress: show a progress bar.

    Raises:
        UserError: the datalist cannot be read or has no items, or a number of workers that makes no sense.
    """
    datalist = Path(datalist)
    items = place_items(read_datalist(datalist, refuse_overlap=False))
    if not items:
        raise UserError(f"{datalist}: no scans in it; there is nothing to audit")
    if workers is not None and workers < 1:
        raise UserError(f"workers={workers}: give 1 or more")
    measured = _measure(items, headers_only, workers or cpu_count(), store, progress)
    lists = check_lists(items, {key: known.content for key, known in measured.items() if known.content})
    return Audit(
        datalist=str(json.loads(datalist.read_text()).get("name", "")),
        datalist_sha256=datalist_hash(datalist),
        scans=len(items),
        headers_only=headers_only,
        findings=(*lists, *_check_voxels(items, measured, headers_only), *_check_classes(items, measured)),
    )


def check_lists(items: Sequence[Item], contents: dict[str, str] | None = None) -> list[Finding]:
    """Run the checks that the datalist alone answers: cheap enough for the start of every run.

    Args:
        items: see :func:`~.placing.place_items`.
        contents: hash of the voxels by ``key``, where they were read.
    """
    contents = contents or {}
    identities = {item["key"]: file_identity(item) for item in items}
    for key, content in contents.items():
        identities[key].append(f"content {content}")
    return [
        check_patient_overlap(items),
        check_label_conflict(items, contents),
        check_identical_scans(items, identities),
    ]


def datalist_hash(datalist: str | Path) -> str:
    """Return the SHA-256 of the file, as a run's record has it."""
    return hashlib.sha256(Path(datalist).read_bytes()).hexdigest()


def _check_voxels(items: list[Item], measured: dict[str, Measurement], headers_only: bool) -> list[Finding]:
    if headers_only:
        names = ("near_identical_scans", "readable", "intensity")
        skipped = [Finding(name, SKIPPED, "--headers reads no voxel") for name in names]
        return [*skipped, check_field_of_view(items, measured), check_slices(items, measured)]
    signatures = {image: known.signature for image, known in measured.items() if known.signature is not None}
    return [
        check_near_identical(items, signatures),
        check_readable(items, measured),
        check_intensity(items, measured),
        check_field_of_view(items, measured),
        check_slices(items, measured),
    ]


def _check_classes(items: list[Item], measured: dict[str, Measurement]) -> list[Finding]:
    features = feature_table(items, measured)
    labels, patients = subjects(items)
    return [check_associations(features, labels, patients, CLASSES), check_probe(features, labels, patients)]


def _measure(
    items: list[Item], headers_only: bool, workers: int, path: Path | None, progress: bool
) -> dict[str, Measurement]:
    """Return the measurement of each key, from the store where its files have not changed."""
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
    measure = _measure_header if headers_only else _measure_scan
    if headers_only or min(workers, len(items)) <= 1:  # a header takes less than a process's start
        yield from map(measure, items)
        return
    with ProcessPoolExecutor(min(workers, len(items)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(measure, items, chunksize=1)


def _measure_header(item: Item) -> tuple[str, Measurement]:
    return item["key"], measure_header(item)


def _measure_scan(item: Item) -> tuple[str, Measurement]:
    return item["key"], measure_scan(item)
