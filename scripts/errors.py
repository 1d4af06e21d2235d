"""Errors that are a user's to mend: one line, no traceback."""

import sys
from types import TracebackType

__all__ = ["UserError", "show_user_errors_in_one_line", "user_error_behind"]


class UserError(ValueError):
    """A mistake in what the user gave: the message names it, what was expected, and what to do."""


def show_user_errors_in_one_line() -> None:
    """Make an uncaught :class:`UserError` end the process with its message alone, exit status 1.

    MONAI wraps what a config's parts raise in several exceptions of its own; the user's mistake is
    found by following their causes. All other errors keep their traceback, and a program that
    hosts the bundle (MONAI Label, a federated client) still receives them as exceptions.
    """
    sys.excepthook = _print_exception


def user_error_behind(error: BaseException | None) -> UserError | None:
    """Return the user's mistake among the causes of an exception, or None.

    Args:
        error: as MONAI wrapped it.
    """
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error


def _print_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    mistake = user_error_behind(error)
    if mistake is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"error: {mistake}", file=sys.stderr)
