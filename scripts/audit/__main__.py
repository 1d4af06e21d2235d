"""Find what is wrong with a datalist and its scans: ``python -m scripts audit DATA/datalist.json``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.errors import show_user_errors_in_one_line
from scripts.locks import holding

from . import audit_datalist, one_line, write_report

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Audit, print a line a check, write the report; exit status 1 where training would stop."""
    parser = argparse.ArgumentParser(prog="python -m scripts audit", description=__doc__)
    add = parser.add_argument
    add("datalist", metavar="datalist.json", type=Path, help="the datalist to audit")
    add("--output", type=Path, help="the page to write, audit.json beside it (default: beside the datalist)")
    add("--headers", action="store_true", help="look at headers only: minutes, where voxels take hours")
    add("--workers", type=int, help="processes (default: all cores)")
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    output: Path = options.output or options.datalist.parent / "audit.html"
    store = output.with_suffix(".sqlite")
    with holding(output.parent, f".{output.stem}.lock"):  # two audits would each write half of the report
        audit = audit_datalist(options.datalist, options.headers, options.workers, store, progress=True)
        write_report(audit, output)
    print("\n".join(one_line(finding) for finding in audit.findings))
    print(f"{audit.verdict}: {output}")
    if audit.hard_errors:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
