"""The parts that the configs name, one room a stage of a scan's walk."""

from pathlib import Path

__all__ = ["bundle_root"]


def bundle_root() -> str:
    """Return the folder that holds configs/ and scripts/, wherever the command was typed."""
    return str(Path(__file__).resolve().parents[1])
