"""The parts that the configs name, one room a stage of a scan's walk; and :class:`Predictor`, for Python."""

import json
from pathlib import Path
from typing import Any

__all__ = ["Predictor", "bundle_root", "bundle_version"]


def bundle_root() -> str:
    """Return the folder that holds configs/ and scripts/, wherever the command was typed.

    Links are not followed: in a download cache every file is a link to a blob in a folder of blobs.
    """
    return str(Path(__file__).absolute().parents[1])


def bundle_version() -> str:
    """Return the version of ``configs/metadata.json``, which is where it stands."""
    metadata = Path(bundle_root(), "configs", "metadata.json").read_text(encoding="utf-8")
    version: str = json.loads(metadata)["version"]
    return version


def __getattr__(name: str) -> Any:
    """Load :class:`scripts.answering.Predictor` when it is asked for: the rest does without torch."""
    if name == "Predictor":
        from scripts.answering import Predictor

        return Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
