"""``python -m scripts.datalists audit datalist.json [--output audit.html] [--headers]``."""

import argparse
from pathlib import Path

from .audit import audit_datalist, one_line, write_report

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit`` takes."""
    add = parser.add_argument
    add("datalist", metavar="datalist.json", type=Path, help="the datalist to audit")
    add("--output", type=Path, help="the page to write, audit.json beside it (default: beside the datalist)")
    add("--headers", action="store_true", help="look at headers only: minutes, where voxels take hours")
    add("--workers", type=int, help="processes (default: all cores)")


def run(options: argparse.Namespace) -> None:
    """Audit, print a line a check, write the report; exit status 1 where training would stop."""
    output: Path = options.output or options.datalist.parent / "audit.html"
    audit = audit_datalist(
        options.datalist,
        options.headers,
        options.workers,
        store=output.with_suffix(".sqlite"),
        progress=True,
    )
    write_report(audit, output)
    print("\n".join(one_line(finding) for finding in audit.findings))
    print(f"{audit.verdict}: {output}")
    if audit.hard_errors:
        raise SystemExit(1)
