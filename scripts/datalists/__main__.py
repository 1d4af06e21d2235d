"""Make and examine datalists: ``python -m scripts.datalists COMMAND --help``."""

import argparse
import sys
from collections.abc import Sequence

from scripts.__main__ import main as run_tool
from scripts.errors import show_user_errors_in_one_line

from .commands import AND, add_build, add_join, build_several

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and run the command that they name; ``audit`` and ``clean`` are tools themselves."""
    own = list(sys.argv[1:] if arguments is None else arguments)
    if own[:1] in (["audit"], ["clean"]):
        return run_tool(own)
    parser = argparse.ArgumentParser(prog="python -m scripts.datalists", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="write the datalist of a data set, or of several")
    add_build(build)
    join = commands.add_parser("join", help="make one datalist of several")
    add_join(join)
    commands.add_parser("audit", help="find what is wrong with a datalist and its scans", add_help=False)
    commands.add_parser("clean", help="take out what the reader or the audit refuses", add_help=False)
    if own[:1] == ["build"] and AND in own:
        show_user_errors_in_one_line()
        return build_several(build, own[1:])
    options = parser.parse_args(own)
    if options.output is None:
        {"build": build, "join": join}[own[0]].error("the following arguments are required: --output")
    show_user_errors_in_one_line()
    options.run(options)
    return None


if __name__ == "__main__":
    main()
