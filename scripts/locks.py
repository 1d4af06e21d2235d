"""One run at a time in a folder: a lock with host, process and time, which dies with its process."""

import atexit
import errno
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.errors import UserError, words_for
from scripts.files import HOST, is_alive, sweep_partials

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["hold_folder", "holding", "release_folder"]

LOCK = ".lock"
LAST_WORKER = 10.0  # seconds in which a worker, forked as its parent was killed, lets go of the lock
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
HELD: dict[Path, tuple[int, int]] = {}  # by lock file: its handle, and how often this process took it


def hold_folder(folder: str | Path, name: str = LOCK, patience: float = 0.0) -> None:
    """Keep other processes out of a folder until this one releases it or ends, however it ends.

    The operating system frees the lock of a process that was killed, so none is ever stale; host, process
    and time in the file are for the message. A process may take a lock that it holds again. What killed
    processes left of files in the folder is swept.

    Args:
        folder: made where it is missing.
        name: of the lock file.
        patience: seconds to wait for another process.

    Raises:
        UserError: another process is at work in the folder, or the folder cannot be written.
    """
    path = Path(folder).absolute() / name
    handle, count = HELD.get(path, (-1, 0))
    if not count:
        handle = _taken(path, time.monotonic() + patience)
        sweep_partials(path.parent, alone=name == LOCK, below=name == LOCK)
    HELD[path] = handle, count + 1


def release_folder(folder: str | Path, name: str = LOCK) -> None:
    """Let other processes in again; where it was taken several times, with the last release.

    Args:
        folder: that this process holds; nothing happens where it does not.
        name: of the lock file.
    """
    path = Path(folder).absolute() / name
    handle, count = HELD.pop(path, (-1, 0))
    if count > 1:
        HELD[path] = handle, count - 1
    elif count:
        with suppress(OSError):
            path.unlink()  # before the lock is free: nobody else's is removed
        os.close(handle)


@contextmanager
def holding(folder: str | Path, name: str = LOCK, patience: float = 0.0) -> Iterator[None]:
    """Hold a folder for a while; see :func:`hold_folder`."""
    hold_folder(folder, name, patience)
    try:
        yield
    finally:
        release_folder(folder, name)


def _taken(path: Path, until: float) -> int:
    """Open and lock the file, and say in it who holds it; return its handle."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise UserError(f"{path.parent}: cannot be written ({words_for(error)})") from None
        locked = _lock(handle, path)
        if locked and _is_there(handle, path):
            break
        holder = _holder(handle)
        os.close(handle)
        died = holder.get("host") == HOST and not is_alive(holder["process"])
        if not locked and time.monotonic() > until + died * LAST_WORKER:
            raise UserError(
                f"{path.parent}: {_shown(holder)} is at work in this folder; wait for its end, or choose "
                f"another"
            )
        time.sleep(0.1)
    owner = {"host": HOST, "process": os.getpid(), "since": datetime.now().isoformat(timespec="seconds")}
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(owner).encode() + b"\n", 0)
    return handle


def _lock(handle: int, path: Path) -> bool:
    if fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
    print(f"{path.parent}: no locks on this system; start no second run in this folder", file=sys.stderr)
    return True


def _is_there(handle: int, path: Path) -> bool:
    """Say whether the file that was locked still has its name: its last holder may just have removed it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _holder(handle: int) -> dict[str, Any]:
    """Return what the lock's holder says of itself; nothing while it is about to."""
    try:
        known = json.loads(os.pread(handle, 4096, 0))
        return {"host": str(known["host"]), "process": int(known["process"]), "since": str(known["since"])}
    except (ValueError, KeyError, TypeError):
        return {}


def _shown(holder: dict[str, Any]) -> str:
    if not holder:
        return "another process"
    return f"process {holder['process']} on {holder['host']}, since {holder['since']},"


def _release_all() -> None:
    for path, (_, count) in list(HELD.items()):
        for _ in range(count):
            release_folder(path.parent, path.name)


def _forget() -> None:
    """Leave the parent's locks to the parent: a worker that outlives it must not keep them."""
    for handle, _ in HELD.values():
        os.close(handle)
    HELD.clear()


atexit.register(_release_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
