"""What a run makes of the audit: warn, or stop."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.datalists import read_datalist
from scripts.errors import UserError

from .auditing import AUDIT, datalist_hash
from .findings import FAILED, PASSED, Finding
from .lists import check_lists, place_items

__all__ = ["HARD_ERRORS", "enforce_audit"]

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
