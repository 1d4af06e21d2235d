"""The whole audit: every scan measured once, then every check."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from joblib import cpu_count

from scripts.datalists import CLASSES, read_datalist
from scripts.errors import UserError

from .features import feature_table, subjects
from .findings import SKIPPED, Audit, Finding
from .gathering import measure_items
from .likeness import check_near_identical
from .lists import check_lists, place_items
from .measuring import Measurement
from .scan_checks import check_field_of_view, check_intensity, check_readable, check_slices
from .shortcuts import check_associations, check_probe

__all__ = ["AUDIT", "audit_datalist", "audit_measured", "check_scans", "datalist_hash"]

AUDIT = "audit.json"  # beside the datalist: where training looks
Item = dict[str, Any]


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
    measured = measure_items(items, headers_only, workers or cpu_count(), store, progress)
    return audit_measured(datalist, items, measured, headers_only)


def audit_measured(
    datalist: Path,
    items: Sequence[Item],
    measured: Mapping[str, Measurement],
    headers_only: bool = False,
) -> Audit:
    """Check all scans of a datalist that are measured already.

    Args:
        datalist: the file.
        items: its scans, see :func:`~.lists.place_items`.
        measured: by ``key``.
        headers_only: no voxel was read.
    """
    content = json.loads(datalist.read_text(encoding="utf-8"))
    return Audit(
        datalist=str(content.get("name", "")),
        datalist_sha256=datalist_hash(datalist),
        scans=len(items),
        headers_only=headers_only,
        findings=tuple(check_scans(items, measured, content.get("classes") or CLASSES, headers_only)),
    )


def datalist_hash(datalist: str | Path) -> str:
    """Return the SHA-256 of the file, as a run's record has it."""
    return hashlib.sha256(Path(datalist).read_bytes()).hexdigest()


def check_scans(
    items: Sequence[Item],
    measured: Mapping[str, Measurement],
    class_names: Sequence[str],
    headers_only: bool = False,
) -> list[Finding]:
    """Run every check.

    Args:
        items: see :func:`~.lists.place_items`.
        measured: by ``key``.
        class_names: by label.
        headers_only: no voxel was read.
    """
    features = feature_table(items, measured)
    labels, patients = subjects(items)
    return [
        *check_lists(items, {key: known.content for key, known in measured.items() if known.content}),
        *_check_voxels(items, measured, headers_only),
        check_associations(features, labels, patients, class_names),
        check_probe(features, labels, patients),
    ]


def _check_voxels(
    items: Sequence[Item], measured: Mapping[str, Measurement], headers_only: bool
) -> list[Finding]:
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
