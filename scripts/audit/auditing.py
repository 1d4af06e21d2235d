"""The whole audit: every scan measured once, then every check; and what a run makes of it: warn, or stop."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from joblib import cpu_count

from scripts.datalists import CLASSES, read_datalist
from scripts.errors import UserError
from scripts.text_files import read_json

from .features import feature_table, subjects
from .findings import FAILED, PASSED, SKIPPED, Audit, Finding
from .gathering import measure_items
from .likeness import check_near_identical
from .lists import check_lists, place_items
from .measuring import Measurement
from .scan_checks import check_field_of_view, check_intensity, check_readable, check_slices
from .shortcuts import check_associations, check_probe

__all__ = [
    "AUDIT",
    "HARD_ERRORS",
    "audit_datalist",
    "audit_measured",
    "check_scans",
    "datalist_hash",
    "enforce_audit",
]

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
    content = read_json(datalist)
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


HARD_ERRORS = ("patient_overlap", "label_conflict", "identical_scans", "near_identical_scans")
logger = logging.getLogger(__name__)


def enforce_audit(datalist: str | Path, override: str | Sequence[str] = ()) -> dict[str, Any]:
    """Stop a run whose datalist has hard errors, and warn of all else that an audit found.

    The checks that the datalist alone answers are run here. What needs the scans comes from ``audit.json``
    beside the datalist, if it is of this very datalist: no voxel is read.

    Args:
        datalist: of the run.
        override: names of :data:`HARD_ERRORS` that the user takes responsibility for.

    Returns:
        The verdict for the run's record.

    Raises:
        UserError: a hard error that is not overridden, or an override that names none.
    """
    datalist = Path(datalist)
    allowed = [override] if isinstance(override, str) else list(override)
    _check_names(allowed)
    found = check_lists(place_items(read_datalist(datalist, refuse_overlap=False)))
    digest = datalist_hash(datalist)
    earlier = _earlier(datalist.parent / AUDIT, digest)
    by_name = {finding.check: finding for finding in earlier} | {
        finding.check: finding for finding in found if finding.hard
    }
    findings = list((by_name if earlier else {finding.check: finding for finding in found}).values())
    hard = [finding for finding in findings if finding.hard]
    for finding in findings:
        if finding.status not in (PASSED, "skipped"):
            logger.warning("AUDIT %s: %s: %s", finding.status.upper(), finding.check, finding.summary)
    refused = [finding for finding in hard if finding.check not in allowed]
    if refused:
        names = [finding.check for finding in refused]
        found_here = "; ".join(f"{finding.check}: {finding.summary}" for finding in refused)
        first = "; ".join(line for finding in refused for line in finding.lines[:2])
        named = names[0] if len(names) == 1 else f'"{names}"'
        raise UserError(
            f"{datalist}: {found_here} ({first}). Mend it, or take responsibility by --audit_override {named}"
        )
    return {
        "datalist_sha256": digest,
        "audited": bool(earlier),
        "checks": {finding.check: finding.status for finding in findings},
        "hard_errors": [finding.check for finding in hard],
        "overridden": [finding.check for finding in hard if finding.check in allowed],
        "verdict": FAILED if hard else max((f.status for f in findings), key=_severity, default=PASSED),
    }


def _severity(status: str) -> int:
    return ("skipped", PASSED, "warning", FAILED).index(status)


def _check_names(names: Sequence[str]) -> None:
    unknown = sorted(set(names) - set(HARD_ERRORS))
    if unknown:
        raise UserError(f"--audit_override {', '.join(unknown)}: it names one of {', '.join(HARD_ERRORS)}")


def _earlier(path: Path, digest: str) -> list[Finding]:
    """Return what an earlier audit of this datalist found; say so where there is none."""
    command = f"python -m scripts audit {path.with_name('datalist.json')}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        same = content["datalist_sha256"] == digest
        findings = [
            Finding(c["check"], c["status"], c["summary"], c["hard"], c["lines"]) for c in content["checks"]
        ]
    except FileNotFoundError:
        logger.warning("NO AUDIT of this datalist; shortcuts and copies go unseen: %s", command)
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not an audit ({error!r}); make it anew: {command}") from None
    if not same:
        logger.warning("%s is of another datalist, or of this one before it changed: %s", path, command)
        return []
    return findings
