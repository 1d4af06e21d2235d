"""audit.html and audit.json."""

import json
from collections.abc import Sequence
from pathlib import Path

from scripts.page import Page

from .auditing import Audit
from .finding import FAILED, PASSED, SKIPPED, WARNING, Finding

__all__ = ["one_line", "write_report"]

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


def write_report(audit: Audit, output: Path) -> None:
    """Write the page, and ``audit.json`` (the page's name with that ending) beside it.

    Args:
        audit: what was found.
        output: the page.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(audit.as_json(), indent=1) + "\n"
    output.with_suffix(".json").write_text(text, encoding="utf-8")
    looked = "headers only" if audit.headers_only else "headers and voxels"
    page = Page(
        f"Audit: {audit.verdict}",
        f"{audit.datalist or 'datalist'}, {audit.scans} scans, {looked}. SHA-256 of the datalist: "
        f"{audit.datalist_sha256[:12]}. Research use only.",
    )
    page.section("Summary")
    if audit.hard_errors:
        page.notice(
            "failed",
            f"training stops at {', '.join(audit.hard_errors)}, unless each is named in --audit_override",
        )
    page.table(
        ("check", "result", "found"),
        [(_title(finding), _result(finding), finding.summary) for finding in _worst_first(audit.findings)],
    )
    for finding in _worst_first(audit.findings):
        _add(page, finding)
    page.write(output)


def one_line(finding: Finding) -> str:
    """Return the line that the command prints."""
    return f"{finding.status:8} {finding.check}: {finding.summary}"


def _title(finding: Finding) -> str:
    return TITLES[finding.check]


def _result(finding: Finding) -> str:
    return f"{finding.status}, stops training" if finding.hard else finding.status


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    order = (FAILED, WARNING, PASSED, SKIPPED)
    return sorted(findings, key=lambda finding: (not finding.hard, order.index(finding.status)))


def _add(page: Page, finding: Finding) -> None:
    if finding.status == SKIPPED or not (finding.lines or finding.tables):
        return  # the summary has said all
    page.section(_title(finding))
    page.notice(finding.status, finding.summary)  # type: ignore[arg-type]
    if finding.lines:
        more = len(finding.lines) - SHOWN
        rows = [(line,) for line in finding.lines[:SHOWN]]
        page.table(("where",), [*rows, *([(f"... and {more} more, in the JSON file",)] if more > 0 else [])])
    for table in finding.tables:
        page.table(table.columns, table.rows, table.title)
