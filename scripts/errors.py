"""What ends a command: a mistake that its user can mend, in one line; or a fault, kept for a report."""

import errno
import logging
import platform
import re
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

__all__ = [
    "UserError",
    "describe_mistake",
    "keep_reports_in",
    "show_user_errors_in_one_line",
    "typed",
    "user_error_behind",
    "words_for",
]

OF_WORKER = re.compile(
    r"^scripts\.[\w.]+\.(?:UserError|RefusedScan): (.*?)(?:\n\n|\Z)", re.DOTALL | re.MULTILINE
)
ADVICE = (  # what torch, multiprocessing and the system say; what it means, and what to do
    (
        r"bus error|shared memory|/torch_\d|/dev/shm",
        "shared memory (/dev/shm) is full: give the container more, docker run --ipc=host or --shm-size 2g, "
        "or load scans in one process, --num_workers 0",
    ),
    (
        r"dataloader worker .*(exited unexpectedly|killed by signal)|process pool was terminated abruptly",
        "a process that reads scans was killed, most often because memory was full: take fewer of them, such "
        "as --num_workers 0; what was finished is kept",
    ),
    (
        r"out of memory|not enough memory|can't allocate memory|unable to allocate",
        "memory is full: take smaller batches, or another --device",
    ),
)
SYSTEM = {  # what the system says of a file: what was found, what to do
    errno.ENOENT: "no such file or folder",
    errno.EISDIR: "a folder; a file is expected there",
    errno.ENOTDIR: "not in a folder: a part of this path is a file",
    errno.EEXIST: "a file; a folder is expected there",
    errno.EACCES: "permission denied; name a place that is yours",
    errno.EPERM: "permission denied; name a place that is yours",
    errno.EROFS: "on a file system that can only be read; name a place that can be written",
    errno.ENOSPC: "no space left there",
    errno.EDQUOT: "no space left there: your quota is used up",
    errno.ENAMETOOLONG: "a name that is too long",
    errno.EIO: "the disk cannot be read or written there",
    errno.ESTALE: "gone from the network's disk",
}
LOGGED_BEFORE = ("Exception: ", "Current run is terminating due to", "Engine run is terminating due to")


class UserError(ValueError):
    """A mistake in what the user gave: the message names it, what was expected, and what to do."""


class _Run:
    """The folder of this process's run, as far as it is known."""

    folder: Path | None = None


def show_user_errors_in_one_line() -> None:
    """Make what ends the process print one line: a mistake, what Ctrl-C leaves, where a fault is kept.

    MONAI wraps what a config's parts raise in several exceptions of its own; the user's mistake is found by
    following their causes. A program that hosts the bundle (MONAI Label, a federated client) still receives
    them as exceptions.
    """
    sys.excepthook = _print_exception
    for handler in logging.getLogger().handlers:
        if _is_news not in handler.filters:
            handler.addFilter(_is_news)


def keep_reports_in(folder: str | Path) -> None:
    """Say where the run of this process writes: a traceback is kept there.

    Args:
        folder: made where something is to be kept.
    """
    _Run.folder = Path(folder)


def words_for(error: OSError) -> str:
    """Return what the system says of a file, and what to do, in words for a user."""
    return SYSTEM.get(error.errno or 0) or (error.strerror or type(error).__name__).lower()


def user_error_behind(error: BaseException | None) -> UserError | None:
    """Return the user's mistake among the causes of an exception, or None.

    Args:
        error: as MONAI wrapped it.
    """
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error


def describe_mistake(error: BaseException) -> str | None:
    """Return in one line what a user can mend, or None for a fault of the program.

    Args:
        error: what ended the command: a :class:`UserError`, also of a process that loads scans; a file
            that the system refuses; full memory, or a process that was killed for it.
    """
    mistake = user_error_behind(error)
    if mistake is not None:
        return _of_worker(mistake) or str(mistake)
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    return next(filter(None, (_of_worker(cause) or _of_system(cause) for cause in reversed(causes))), None)


def _of_worker(error: BaseException) -> str | None:
    """Return the mistake of a process that loads scans: torch makes text of it, with its traceback."""
    found = OF_WORKER.search(str(error)) if "in DataLoader worker" in str(error) else None
    return found[1].strip() if found else None


def _of_system(error: BaseException) -> str | None:
    for words, advice in ADVICE:
        if re.search(words, str(error), re.IGNORECASE):
            return advice
    if isinstance(error, MemoryError):
        return ADVICE[-1][1]
    if not isinstance(error, OSError) or error.errno not in SYSTEM:
        return None
    place = error.filename2 or error.filename or ("the disk" if error.errno == errno.ENOSPC else None)
    return f"{place}: {SYSTEM[error.errno]}" if place else None


def _print_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, BrokenPipeError):  # whoever read our lines, such as `head`, has enough
        return
    mistake = describe_mistake(error)
    if isinstance(error, KeyboardInterrupt):
        print(f"\nstopped: {_kept()}", file=sys.stderr)
    elif mistake is not None:
        print(f"error: {mistake}", file=sys.stderr)
    else:
        _report(kind, error, trace)


def _kept() -> str:
    """Say what a stopped run leaves, and how to go on."""
    folder = _Run.folder
    if folder is None or not folder.is_dir():
        return "nothing was written"
    if (folder / "last_state.pt").is_file():
        return f"{folder} keeps the last whole epoch; the same command with --resume True goes on from it"
    return f"{folder} keeps what was finished, in whole files; the same command goes on"


def typed(arguments: Sequence[str]) -> str:
    r"""Return a command as one types it: what holds single quotes stands in double ones where it can.

    Example:
        >>> typed(["run", "--scans", "['a b.nii']", "--count", "2"])
        'run --scans "[\'a b.nii\']" --count 2'
    """
    double = re.compile(r"[^\"$`\\\\!]*'[^\"$`\\\\!]*")
    return " ".join(f'"{each}"' if double.fullmatch(each) else shlex.quote(each) for each in arguments)


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write a traceback into the run's folder; where there is none, show it."""
    from scripts.files import write_whole  # which needs this module

    lines = "".join(traceback.format_exception(kind, error, trace))
    said = next(iter(str(error).splitlines()), "")
    head = f"error: {kind.__name__}: {said[:200]}; a fault of the bundle: report it where you have it from"
    try:
        if _Run.folder is None:
            raise UserError("no folder to keep it in")
        path = _Run.folder / "traceback.txt"
        command = typed(["python", "-m", *sys.argv])
        write_whole(path, f"{command}\nPython {platform.python_version()}, {platform.platform()}\n\n{lines}")
    except UserError:
        print(f"{lines}{head}, with the lines above", file=sys.stderr)
    else:
        print(f"{head}, with {path} (it names your files: read it first)", file=sys.stderr)


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what engines log of the exception that ends them: it is shown once, at the end."""
    return not record.getMessage().startswith(LOGGED_BEFORE)
