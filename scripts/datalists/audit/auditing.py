"""The whole audit: every scan measured once, then every check."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblib import cpu_count

from scripts.errors import UserError
from scripts.text_files import read_text

from ..reading import read_datalist
from .checking import check_scans
from .finding import Finding, verdict_of
from .gathering import measure_items
from .placing import place_items

__all__ = ["AUDIT", "Audit", "audit_datalist", "datalist_hash"]

AUDIT = "audit.json"  # beside the datalist: where training looks


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
    measured = measure_items(items, headers_only, workers or cpu_count(), store, progress)
    return Audit(
        datalist=str(json.loads(read_text(datalist)).get("name", "")),
        datalist_sha256=datalist_hash(datalist),
        scans=len(items),
        headers_only=headers_only,
        findings=tuple(check_scans(items, measured, headers_only)),
    )


def datalist_hash(datalist: str | Path) -> str:
    """Return the SHA-256 of the file, as a run's record has it."""
    return hashlib.sha256(Path(datalist).read_bytes()).hexdigest()
