"""What the user names, files and folders, -> the scans in it."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from scripts.errors import UserError

from .kinds import is_itk, is_nifti, is_picture, is_zip, natural_order
from .scan_files import ScanFile, scan_files
from .slice_files import dicom_files
from .zip_paths import join_zip_path, zip_folders

__all__ = ["find_scans"]

FEWEST_PICTURES = 8  # in a folder: fewer are illustrations beside something else
logger = logging.getLogger(__name__)


def find_scans(paths: Iterable[str | Path]) -> list[str]:
    """List the scans in files, folders and zips, in natural order within each folder, each scan once.

    A folder, or a folder in a zip, that holds DICOM files is one scan, and so is one of at least
    :data:`FEWEST_PICTURES` PNG or JPG slices; each NIfTI, NRRD, MHA or MHD file is one. Links are followed,
    each folder is entered once. What is named directly always comes back, so that a wrong name is refused
    by name later and does not vanish; other files met inside folders are counted and logged.

    Args:
        paths: files, folders and zips, as the user named them; a scan in a zip is ``archive.zip::folder``.

    Returns:
        Paths of files and of folders, those in a zip as ``archive.zip::folder``.
    """
    scans: list[str] = []
    for path in map(Path, paths):
        found = _walk(path) if _is_folder(path) else _in_zip(path)
        scans += found or [str(path)]
    return list(dict.fromkeys(scans))


def _walk(top: Path) -> list[str]:
    scans: list[str] = []
    ignored = 0
    entered: set[str] = set()
    for folder, folders, names in os.walk(top, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders.sort(key=natural_order)
        paths = [Path(folder, name) for name in sorted(names, key=natural_order)]
        paths = [path for path in paths if path.is_file()]  # no pipes, no dead links
        volumes = [str(path) for path in paths if is_nifti(path.name) or is_itk(path.name)]
        zips = [scan for path in paths for scan in _in_zip(path)]
        others = [
            ScanFile(path.name, 0, path)
            for path in paths
            if not (is_nifti(path.name) or is_itk(path.name) or is_zip(path.name))
        ]
        slices = _slices(others)
        scans += [folder] if slices else []
        scans += volumes + zips
        ignored += len(others) - slices
    if ignored:
        logger.info("%s: %d files that are no scans were left out", top.name, ignored)
    return scans


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


def _in_zip(archive: Path) -> list[str]:
    """Name the scans in a zip; in another file there are none; a broken zip is named, to be refused.

    What is encrypted may be a scan, and is named for the same reason.
    """
    if not is_zip(archive.name):
        return []
    try:
        folders = sorted(zip_folders(archive), key=natural_order)
        names = [join_zip_path(str(archive), folder) for folder in folders]
        return [name for name in names if _slices(scan_files(Path(), name))]
    except UserError:
        return [str(archive)]


def _slices(files: list[ScanFile]) -> int:
    """Count the slices among the files of a folder: DICOM by magic word, else pictures; 0 where too few."""
    pictures = sum(is_picture(file.name) for file in files)
    locked = sum(file.locked for file in files)
    return len(dicom_files(files)) or (pictures if pictures >= FEWEST_PICTURES else 0) or locked
