"""What the user names, files and folders, -> the scans in it."""

import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ["find_scans", "is_dicom_folder", "is_itk", "is_nifti"]

NIFTI_ENDINGS = (".nii", ".nii.gz")
ITK_ENDINGS = (".nrrd", ".nhdr", ".mha", ".mhd")
logger = logging.getLogger(__name__)


def find_scans(paths: Iterable[str | Path]) -> list[str]:
    """List the scans in files and folders, in natural order within each folder, each scan once.

    A folder that holds DICOM files is one scan; each NIfTI, NRRD, MHA or MHD file is one. What is named
    directly always comes back, so that a wrong name is refused by name later and does not vanish; other
    files met inside folders are counted and logged.

    Args:
        paths: files and folders, as the user named them.

    Returns:
        Paths of files and of DICOM series folders.
    """
    scans: list[str] = []
    for path in map(Path, paths):
        found = _walk(path) if path.is_dir() else [path]
        scans += [str(scan) for scan in found or [path]]
    return list(dict.fromkeys(scans))


def is_nifti(path: Path) -> bool:
    """Tell NIfTI by the name's ending."""
    return path.name.lower().endswith(NIFTI_ENDINGS)


def is_itk(path: Path) -> bool:
    """Tell the formats that SimpleITK reads for us by the name's ending."""
    return path.name.lower().endswith(ITK_ENDINGS)


def is_dicom(path: Path) -> bool:
    """Tell a DICOM file by its magic word, which follows a preamble of 128 bytes."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def is_dicom_folder(folder: Path) -> bool:
    """Tell whether a folder itself, not its sub-folders, holds a DICOM file."""
    return any(is_dicom(file) for file in folder.iterdir() if file.is_file() and not _is_volume(file))


def _is_volume(path: Path) -> bool:
    return is_nifti(path) or is_itk(path)


def _walk(top: Path) -> list[Path]:
    scans, ignored = [], 0
    for folder, folders, names in os.walk(top):
        folders.sort(key=_natural)
        files = [Path(folder, name) for name in sorted(names, key=_natural)]
        others = [file for file in files if not _is_volume(file)]
        slices = sum(is_dicom(file) for file in others)
        scans += [Path(folder)] if slices else []
        scans += [file for file in files if _is_volume(file)]
        ignored += len(others) - slices
    if ignored:
        logger.info("%s: %d files that are no scans were left out", top, ignored)
    return scans


def _natural(name: str) -> list[tuple[int, str]]:
    """Order ``scan2`` before ``scan10``."""
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]
