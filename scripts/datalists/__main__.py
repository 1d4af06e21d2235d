"""Make and examine datalists: ``python -m scripts.datalists COMMAND --help``."""

import argparse
import sys
from collections.abc import Sequence

from scripts.__main__ import main as run_tool
from scripts.errors import show_user_errors_in_one_line

from .commands import add_build, add_join

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and run the command that they name; ``audit`` and ``clean`` are tools themselves."""
    own = list(sys.argv[1:] if arguments is None else arguments)
    if own[:1] in (["audit"], ["clean"]):
        return run_tool(own)
    parser = argparse.ArgumentParser(prog="python -m scripts.datalists", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_build(commands.add_parser("build", help="write the datalist of a data set"))
    add_join(commands.add_parser("join", help="make one datalist of several"))
    commands.add_parser("audit", help="find what is wrong with a datalist and its scans", add_help=False)
    commands.add_parser("clean", help="take out what the reader or the audit refuses", add_help=False)
    options = parser.parse_args(own)
    show_user_errors_in_one_line()
    options.run(options)
    return None


if __name__ == "__main__":
    main()
