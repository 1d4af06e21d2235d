"""highdicom, an extra that only DICOM output needs."""

from importlib import import_module
from typing import Any

from scripts.errors import UserError

__all__ = ["highdicom"]


def highdicom() -> Any:
    """Import highdicom.

    Raises:
        UserError: it is not installed.
    """
    try:
        return import_module("highdicom")
    except ImportError as error:
        raise UserError(
            f"DICOM output needs highdicom, which cannot be imported here ({error}); "
            f"run: pip install -r requirements-dicom.txt"
        ) from error
