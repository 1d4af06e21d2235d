"""What an output that belongs to a scan is called."""

from pathlib import Path

__all__ = ["file_stem"]


def file_stem(name: str) -> str:
    """Return a file name without folder and the endings that scans have.

    Example:
        >>> file_stem("patients/7/chest.nii.gz")
        'chest'
    """
    stem = Path(name).name or "scan"
    for ending in (".gz", ".nii", ".nrrd", ".mha", ".mhd"):
        stem = stem.removesuffix(ending)
    return stem
