"""A key that stands for a DICOM patient in outputs, from which nobody learns the id."""

import hashlib
import hmac
import os
import secrets

from scripts.processes import gather

__all__ = ["SALT", "PatientKeys", "share_patient_salt"]

SALT = "PATIENT_SALT"  # environment variable: what is typed as an option stands in the list of processes


class PatientKeys:
    """Turn patients' ids into keys: HMAC-SHA256 with a secret salt, without which no id can be tried out.

    The salt is the environment variable :data:`SALT`, for keys that agree between runs, or else drawn anew.
    It is written nowhere.

    Example:
        >>> key = PatientKeys()
        >>> key("4711") == key(" 4711"), key("4711") == key("4712"), key("")
        (True, False, '')
    """

    __slots__ = ("salt",)  # no __dict__: no voxel depends on it, and a cache's fingerprint does not see it

    def __init__(self) -> None:
        self.salt = os.environ.get(SALT) or secrets.token_hex(32)

    def __call__(self, patient: str) -> str:
        """Return the key of an id, 16 hexadecimal digits; an empty one of an empty one."""
        digest = hmac.new(self.salt.encode(), patient.strip().encode(), hashlib.sha256).hexdigest()
        return digest[:16] if patient.strip() else ""


def share_patient_salt() -> None:
    """Let all processes of a run make the same keys; all must call it, before they make any."""
    os.environ[SALT] = gather(PatientKeys().salt)[0]
