"""Make and examine datalists: ``python -m scripts.datalists COMMAND --help``."""

import argparse
import sys
from collections.abc import Sequence

from scripts.__main__ import main as run_tool
from scripts.errors import show_user_errors_in_one_line

from . import build_command

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and run the command that they name; ``audit`` is the tool of that name."""
    own = list(sys.argv[1:] if arguments is None else arguments)
    if own[:1] == ["audit"]:
        return run_tool(own)
    parser = argparse.ArgumentParser(prog="python -m scripts.datalists", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("audit", help="find what is wrong with a datalist and its scans", add_help=False)
    build = commands.add_parser(
        "build", help="write the datalist of a data set", description=build_command.__doc__
    )
    build_command.add_arguments(build)
    build.set_defaults(run=build_command.run)
    options = parser.parse_args(own)
    show_user_errors_in_one_line()
    options.run(options)
    return None


if __name__ == "__main__":
    main()
