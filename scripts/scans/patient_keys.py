"""A key that stands for a DICOM patient in outputs, from which nobody learns the id."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from scripts.files import write_whole
from scripts.processes import gather, rank

__all__ = ["SALT", "PatientKeys", "forget_salt", "is_salt_kept", "share_salt"]

SALT = "PATIENT_SALT"  # environment variable: what is typed as an option stands in the list of processes
FILE = ".patient_salt"


class PatientKeys:
    """Turn patients' ids into keys: HMAC-SHA256 with a secret salt, without which no id can be tried out.

    The salt is the environment variable :data:`SALT`, for keys that agree between runs, or else drawn anew by
    each process, and by each run (:func:`share_salt`).

    Example:
        >>> key = PatientKeys()
        >>> key("4711") == key(" 4711"), key("4711") == key("4712"), key("")
        (True, False, '')
    """

    __slots__ = ()  # no __dict__: no voxel depends on it, and a cache's fingerprint does not see it
    drawn: ClassVar[str] = secrets.token_hex(32)

    def __call__(self, patient: str) -> str:
        """Return the key of an id, 16 hexadecimal digits; an empty one of an empty one."""
        salt = os.environ.get(SALT) or PatientKeys.drawn
        digest = hmac.new(salt.encode(), patient.strip().encode(), hashlib.sha256).hexdigest()
        return digest[:16] if patient.strip() else ""

    def __reduce__(self) -> tuple[Callable[[str], "PatientKeys"], tuple[str]]:
        return _with_salt, (PatientKeys.drawn,)  # a process that loads scans may have drawn another


def share_salt(folder: str | Path | None = None) -> None:
    """Let all processes of a run make the same keys, and a run that goes on those of the interrupted one.

    All processes must call it, before they make any.

    Args:
        folder: of the run; until :func:`forget_salt` it keeps the salt, in a file that only its owner may
            read. None keeps it nowhere.
    """
    own = ""
    if rank() == 0:
        kept = None if folder is None else Path(folder, FILE)
        own = kept.read_text(encoding="utf-8") if kept and kept.is_file() else ""
        own = os.environ.get(SALT) or own or secrets.token_hex(32)
        if kept and not os.environ.get(SALT):
            write_whole(kept, own, private=True)
    PatientKeys.drawn = gather(own)[0]


def is_salt_kept(folder: str | Path) -> bool:
    """Say whether an interrupted run in a folder left its salt there."""
    return Path(folder, FILE).is_file()


def forget_salt(folder: str | Path | None) -> None:
    """Remove the salt of a run that is finished: from then on no id can be tried out."""
    if folder is not None and rank() == 0:
        Path(folder, FILE).unlink(missing_ok=True)


def _with_salt(drawn: str) -> Any:
    PatientKeys.drawn = drawn
    return PatientKeys()
