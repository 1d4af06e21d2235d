"""What one check found."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["FAILED", "PASSED", "SKIPPED", "WARNING", "Finding", "Table", "counted", "verdict_of"]

PASSED, WARNING, FAILED, SKIPPED = "passed", "warning", "failed", "skipped"
MOST_LINES = 200  # a list of thousands helps nobody; the count is always told


@dataclass(frozen=True)
class Table:
    """Figures for people.

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
    """The answer of one check.

    Attributes:
        check: its name in snake_case, stable over versions.
        status: "passed", "warning", "failed" or "skipped".
        summary: one line: what was found and, unless it passed, what to do.
        hard: it failed and makes every figure of a run wrong: training stops unless overridden by name.
        lines: the scans or patients concerned, one a line.
        tables: figures behind the answer.
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
