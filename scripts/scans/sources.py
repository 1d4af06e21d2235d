"""The path of a scan, as it was named and declared -> the files that are the scan, and what they are like."""

import os
from collections.abc import Sequence
from pathlib import Path

from scripts.errors import UserError

from .declaration import Declaration
from .files import ScanFile, natural_order, scan_files, shown
from .formats import file_beside
from .limits import check_zip
from .refusal import RefusedScan
from .zips import is_dropping, split_zip_path, zip_folders, zip_holds

__all__ = ["file_stamps", "source_files"]


def source_files(path: str, declared: Declaration, name: str) -> list[ScanFile]:
    """List the files that are a scan, in numeric order or as declared; droppings are passed over.

    Raises:
        RefusedScan: ``not_found``, ``unreadable``, ``too_large``, ``several_series``; ``bad_declaration`` for
            slices not there.
    """
    try:
        files = scan_files(Path(), _inside(path, name))
        if declared.slices is not None:
            files = _declared_slices(path, files, declared.slices, name)
    except RefusedScan:
        raise
    except UserError as error:
        raise RefusedScan(
            "unreadable", name, "its folder or zip cannot be read; is it whole, and may you read it?"
        ) from error
    if len(files) > 1:
        files = [file for file in files if not is_dropping(file.base_name)]
    check_zip(files, name)
    return files if declared.slices else sorted(files, key=lambda file: natural_order(file.base_name))


def file_stamps(path: str, slices: Sequence[str] | None = None) -> str:
    """Return a text that changes when a file changes that is read for a scan: its name, size or time.

    Args:
        path: of a file, with the voxels beside it where it is a header; of a folder, each file in it, or
            below it where there is none; of a scan in a zip, the zip.
        slices: declared names, which may lie in folders below.
    """
    outer, inner = split_zip_path(path)
    top = Path(outer)
    try:
        if top.is_dir():
            files = [file for file in top.iterdir() if file.is_file()] or list(top.rglob("*"))
            files += [top / name for name in slices or () if "/" in name]
        else:
            size = top.stat().st_size
            beside = (
                file_beside(ScanFile(top.name, size, top)) if top.is_file() else None
            )  # a pipe would wait
            files = [top, *([beside.path] if beside else [])]
        stats = [(str(file.relative_to(top.parent)), file.stat()) for file in sorted(files) if file.is_file()]
    except OSError:  # what cannot be looked at is refused when it is read
        stats = []
    return f"{os.path.realpath(top)} {inner} {[(name, s.st_size, s.st_mtime_ns) for name, s in stats]}"


def _declared_slices(path: str, files: list[ScanFile], slices: Sequence[str], name: str) -> list[ScanFile]:
    """Return the files of the declared names, which may lie in folders below."""
    found = {file.base_name: file for file in files}
    for slice_ in slices:
        deeper = path + ("" if path.endswith("::") else "/") + slice_
        if "/" in slice_ and ".." not in slice_.split("/") and _is_there(deeper):
            (found[slice_],) = scan_files(Path(), deeper)
    absent = [slice_ for slice_ in slices if slice_ not in found]
    if absent:
        raise RefusedScan(
            "bad_declaration",
            name,
            f"{len(absent)} of its {len(slices)} slices are not there, such as {shown(absent[0][:60])}; "
            f"expected file names of this folder",
        )
    return [found[slice_] for slice_ in slices]


def _is_there(path: str) -> bool:
    outer, inner = split_zip_path(path)
    return Path(outer).is_file() and (inner is None or zip_holds(Path(outer), inner))


def _inside(path: str, name: str) -> str:
    """Name what is in a zip that was named without it: its one folder of slices, or its one file."""
    outer, inner = split_zip_path(path)
    if inner is not None:
        if not zip_holds(Path(outer), inner):
            raise RefusedScan("not_found", name, "no such folder or file in the zip; check the name after ::")
        return path
    if not Path(path).is_file() or not path.lower().endswith(".zip"):
        return path
    folders = list(zip_folders(Path(path)))
    if len(folders) == 1:
        return f"{path}::{folders[0]}"
    code, found = ("not_found", "no file") if not folders else ("several_series", f"{len(folders)} folders")
    raise RefusedScan(
        code, name, f"{found} in the zip; expected the slices of one scan; name them as FILE.zip::FOLDER"
    )
