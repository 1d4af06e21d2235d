"""What the checks found, and the page and the JSON file that show it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scripts.files import write_json
from scripts.page import write_page

__all__ = [
    "FAILED",
    "PASSED",
    "SKIPPED",
    "WARNING",
    "Audit",
    "Finding",
    "Table",
    "counted",
    "one_line",
    "verdict_of",
    "write_report",
]

PASSED, WARNING, FAILED, SKIPPED = "passed", "warning", "failed", "skipped"
MOST_LINES = 200  # a list of thousands helps nobody; the count is always given
SHOWN = 25  # lines of a check: more hide what comes below
TITLES = {
    "patient_overlap": "Patients on both sides of a split",
    "label_conflict": "Contradictory labels",
    "identical_scans": "Identical scans",
    "near_identical_scans": "Nearly identical scans",
    "readable": "Readable",
    "intensity": "Hounsfield units",
    "field_of_view": "Field of view",
    "slices": "Slices",
    "class_tables": "Class against what shows no lesion",
    "shortcut_probe": "Shortcut probe",
}


@dataclass(frozen=True)
class Table:
    """Numbers for people.

    Attributes:
        title: one line.
        columns: their names.
        rows: text, one cell a column.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: its name in snake_case, stable over versions.
        status: "passed", "warning", "failed" or "skipped".
        summary: one line: what was found and, unless it passed, what to do.
        hard: it failed and makes every metric of a run wrong: training stops unless overridden by name.
        lines: the scans or patients concerned, one a line.
        tables: numbers behind it.
        numbers: the same for programs.
    """

    check: str
    status: str
    summary: str
    hard: bool = False
    lines: Sequence[str] = ()
    tables: Sequence[Table] = ()
    numbers: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return what ``audit.json`` holds of it."""
        content = asdict(self)
        more = len(self.lines) - MOST_LINES
        content["lines"] = [*self.lines[:MOST_LINES], *([f"... and {more} more"] if more > 0 else [])]
        return content


def verdict_of(findings: Sequence[Finding]) -> str:
    """Return the worst status: "failed", "warning" or "passed".

    >>> verdict_of([Finding("a", PASSED, ""), Finding("b", WARNING, ""), Finding("c", SKIPPED, "")])
    'warning'
    """
    found = {finding.status for finding in findings}
    return next((status for status in (FAILED, WARNING) if status in found), PASSED)


def counted(number: int, noun: str) -> str:
    """Say how many.

    >>> counted(1, "scan"), counted(2, "scan")
    ('1 scan', '2 scans')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@dataclass(frozen=True)
class Audit:
    """What all checks found.

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


def write_report(audit: Audit, output: Path) -> None:
    """Write the page, and ``audit.json`` (the page's name with that ending) beside it.

    Args:
        audit: what was found.
        output: the page.
    """
    write_json(output.with_suffix(".json"), audit.as_json(), indent=1)
    looked = "headers only" if audit.headers_only else "headers and voxels"
    ordered = _worst_first(audit.findings)
    write_page(
        output,
        Path(__file__).with_name("audit.html"),
        f"Audit: {audit.verdict}",
        f"{audit.datalist or 'datalist'}, {audit.scans} scans, {looked}. SHA-256 of the datalist: "
        f"{audit.datalist_sha256[:12]}. Research use only.",
        audit=audit,
        titles=TITLES,
        summary=[(TITLES[finding.check], _result(finding), finding.summary) for finding in ordered],
        shown=[each for each in ordered if each.status != SKIPPED and (each.lines or each.tables)],
        lines=_shown_lines,
    )


def one_line(finding: Finding) -> str:
    """Return the line that the command prints."""
    return f"{finding.status:8} {finding.check}: {finding.summary}"


def _result(finding: Finding) -> str:
    return f"{finding.status}, stops training" if finding.hard else finding.status


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    order = (FAILED, WARNING, PASSED, SKIPPED)
    return sorted(findings, key=lambda finding: (not finding.hard, order.index(finding.status)))


def _shown_lines(finding: Finding) -> list[tuple[str]]:
    more = len(finding.lines) - SHOWN
    rows = [(line,) for line in finding.lines[:SHOWN]]
    return [*rows, *([(f"... and {more} more, in the JSON file",)] if more > 0 else [])]
