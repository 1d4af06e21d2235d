"""The slices of a scan that lies in a folder or a zip, guarded against what only looks like one."""

import zipfile
import zlib
from pathlib import Path

from scripts.errors import UserError

from .declaration import Declaration
from .kinds import is_dicom, is_picture, is_zip, natural_order
from .refusal import RefusedScan
from .scan_files import ScanFile, opener, scan_files
from .zip_paths import split_zip_path, zip_folders

__all__ = ["dicom_files", "slice_files"]

LARGEST_SLICE = 64 * 2**20  # bytes in a zip: a slice of 512 x 512 has half of one, an enhanced CT is larger
LARGEST_RATIO = 200  # bytes for one packed byte, over a whole scan above LARGEST_SLICE: CT packs to a half


def slice_files(path: str, declared: Declaration, name: str) -> list[ScanFile]:
    """List the files of a folder, or of a folder in a zip, in numeric order or as declared; or the one file.

    Args:
        path: a file, a folder, ``archive.zip::folder``, or a zip that holds one folder of files.
        declared: its ``slices`` choose and order the files.
        name: of the scan, for messages.

    Raises:
        RefusedScan: ``not_found``; ``unreadable``, also for a zip with a password; ``too_large`` for what a
            zip blows up beyond :data:`LARGEST_SLICE` and :data:`LARGEST_RATIO`; ``bad_declaration`` for
            slices not there.
    """
    try:
        files = scan_files(Path(), _only_folder(path, name))
    except UserError as error:
        if isinstance(error, RefusedScan):
            raise
        raise RefusedScan(
            "unreadable", name, "its folder or zip cannot be read; is it whole, and may you read it?"
        ) from error
    _check_sizes(files, name)
    _check_locks(files, name)
    if declared.slices is None:
        return sorted(files, key=lambda file: natural_order(file.base_name))
    found = {file.base_name: file for file in files}
    absent = [slice_ for slice_ in declared.slices if slice_ not in found]
    if absent:
        raise RefusedScan(
            "bad_declaration",
            name,
            f"{len(absent)} of its {len(declared.slices)} slices are not there, such as {absent[0][:60]}; "
            f"expected file names of this folder",
        )
    return [found[slice_] for slice_ in declared.slices]


def dicom_files(files: list[ScanFile]) -> list[ScanFile]:
    """Return those that are DICOM, by their magic word; pictures are not opened.

    What cannot be opened is not among them: the hole that it leaves is found by the slices' positions.
    """
    with opener() as open_file:

        def test(file: ScanFile) -> bool:
            try:
                with open_file(file) as content:
                    return is_dicom(content)
            except (OSError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error):
                return False

        return [file for file in files if not is_picture(file.base_name) and test(file)]


def _only_folder(path: str, name: str) -> str:
    """Name the folder in a zip that was named without one."""
    outer, inner = split_zip_path(path)
    if inner is not None or not is_zip(path) or not Path(path).is_file():
        if inner is not None and inner not in zip_folders(Path(outer)):
            raise RefusedScan("not_found", name, "no such folder in the zip; check the name after ::")
        return path
    folders = list(zip_folders(Path(path)))
    if len(folders) == 1:
        return f"{path}::{folders[0]}"
    code, found = ("not_found", "no file") if not folders else ("several_series", f"{len(folders)} folders")
    raise RefusedScan(
        code, name, f"{found} in the zip; expected the slices of one scan; name them as FILE.zip::FOLDER"
    )


def _check_sizes(files: list[ScanFile], name: str) -> None:
    packed = [file for file in files if file.member is not None]
    largest = max((file.size for file in packed), default=0)
    whole, stored = sum(file.size for file in packed), sum(file.packed_size for file in packed)
    if largest > LARGEST_SLICE or (whole > LARGEST_SLICE and whole > LARGEST_RATIO * stored):
        raise RefusedScan(
            "too_large",
            name,
            f"{stored} bytes in the zip would become {whole}, the largest file {largest}; expected slices of "
            f"{LARGEST_SLICE} bytes, packed {LARGEST_RATIO} to 1, at most; unpack it if you trust it",
        )


def _check_locks(files: list[ScanFile], name: str) -> None:
    locked = sum(file.locked for file in files)
    if locked:
        raise RefusedScan(
            "unreadable",
            name,
            f"{locked} of its {len(files)} files in the zip are encrypted; unpack it with its password and "
            f"name the folder",
        )
