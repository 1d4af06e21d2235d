"""Make and examine datalists: ``python -m scripts.datalists COMMAND --help``."""

import argparse
from collections.abc import Sequence

from scripts.errors import show_user_errors_in_one_line

from . import audit_command, build_command

COMMANDS = {
    "audit": (audit_command, "find what is wrong with a datalist and its scans"),
    "build": (build_command, "write the datalist of a data set"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and run the command that they name."""
    parser = argparse.ArgumentParser(prog="python -m scripts.datalists", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (command, purpose) in COMMANDS.items():
        own = commands.add_parser(name, help=purpose, description=command.__doc__)
        command.add_arguments(own)
        own.set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    options.run(options)


if __name__ == "__main__":
    main()
