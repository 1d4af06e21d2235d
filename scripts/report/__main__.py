"""Write the report of a run that is there already: ``python -m scripts report RUN DATA/datalist.json``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.datalists import CLASSES
from scripts.errors import show_user_errors_in_one_line
from scripts.text_files import read_json

from . import write_report

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write report.json and report.html into the run's folder."""
    parser = argparse.ArgumentParser(prog="python -m scripts report", description=__doc__)
    parser.add_argument("output_dir", help="of a cross-validation or an evaluation")
    parser.add_argument("datalist", type=Path, help="the datalist.json that the run read")
    parser.add_argument("--prior", nargs="+", type=float, help="share of each class where it would be used")
    parser.add_argument("--cache_dir", help="of the run: scans that it holds are not read again")
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    content = read_json(options.datalist) if options.datalist.is_file() else {}
    names = content.get("classes") or CLASSES
    write_report(options.output_dir, options.datalist, names, None, options.cache_dir, options.prior)


if __name__ == "__main__":
    main()
