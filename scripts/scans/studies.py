"""DICOM files of a folder tree -> the series that are read, one a study."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .files import ScanFile
from .formats import Slice, read_slices, sort_out
from .formats.dicom_series import FEWEST_SLICES, listed, short_hash
from .formats.dicom_stack import is_stack
from .refusal import RefusedScan
from .zips import join_zip_path, split_zip_path

__all__ = ["FoundScan", "scans_of_studies"]

NO_SCAN = ("not_ct", "not_axial")  # what a study without a scan is refused with
PassOver = Callable[[str, str], None]  # path, why


@dataclass(frozen=True)
class FoundScan:
    """A scan, as a reader is told of it.

    Attributes:
        path: a file, a folder, ``archive.zip::folder`` or ``archive.zip::file``.
        series: of a DICOM folder with several.
        slices: files below the folder, where the scan lies in several, or is not all of a series.
        several: the series that fit, where none of several is the one: the reader refuses it.
    """

    path: str
    series: str | None = None
    slices: tuple[str, ...] | None = None
    several: str = ""

    @property
    def chosen(self) -> dict[str, Any]:
        """The fields of an item that say which part of the path it is."""
        fields = {"series": self.series, "slices": None if self.slices is None else list(self.slices)}
        return {name: value for name, value in fields.items() if value is not None}


def scans_of_studies(
    folders: list[list[ScanFile]], series: str | None, all_series: bool, pass_over: PassOver
) -> dict[ScanFile, list[FoundScan]]:
    """Choose what is read of DICOM files.

    Args:
        folders: the DICOM files of each.
        series: that is wanted, or None.
        all_series: every axial series of at least 8 slices is a scan.
        pass_over: is told of files and series that are none, and why.

    Returns:
        The scans of the studies whose first slice lies in a folder, by the folder's first file.
    """
    scans: dict[ScanFile, list[FoundScan]] = {files[0]: [] for files in folders}
    slices: dict[ScanFile, list[Slice]] = {}  # by the folder's first file
    for files in folders:
        try:
            slices[files[0]], others = read_slices(files, files[0].folder)
        except RefusedScan:  # damaged: the reader says so, of the whole folder
            scans[files[0]].append(FoundScan(files[0].folder, series))
            continue
        for file, kind in others.items():
            pass_over(file.name, kind)
    where = {slice_.file: first for first, own in slices.items() for slice_ in own}
    for study in _studies(slices):
        found = _scans_of(study, slices, series, all_series, pass_over)
        scans[where[study[0].file]] += found
    return scans


def _studies(slices: dict[ScanFile, list[Slice]]) -> list[list[Slice]]:
    """Join what is of one study and patient, but not what only says so: copies in several folders."""
    joined: dict[tuple[Any, ...], dict[ScanFile, list[Slice]]] = {}
    for first, own in slices.items():
        patients: dict[str, set[str]] = {}
        for slice_ in own:
            patients.setdefault(slice_.study, set()).add(slice_.patient)
        scattered = len(patients) > 1 and len(patients) == len(own) and len(own) >= FEWEST_SLICES
        for slice_ in own:
            mixed = scattered or not slice_.study or len(patients[slice_.study]) > 1
            study = "" if scattered else slice_.study
            key = (study, first) if mixed else (study, slice_.patient)
            joined.setdefault(key, {}).setdefault(first, []).append(slice_)
    studies = []
    for parts in joined.values():
        whole = [slice_ for part in parts.values() for slice_ in part]
        studies += list(parts.values()) if len(parts) > 1 and _are_copies(parts) else [whole]
    return studies


def _are_copies(parts: dict[ScanFile, list[Slice]]) -> bool:
    """Tell whether a series is whole in each of several folders, and none together."""
    series: dict[str, list[list[Slice]]] = {}
    for part in parts.values():
        for uid in {slice_.series for slice_ in part}:
            series.setdefault(uid, []).append([slice_ for slice_ in part if slice_.series == uid])
    return any(
        len(own) > 1 and all(map(is_stack, own)) and not is_stack([s for part in own for s in part])
        for own in series.values()
    )


def _scans_of(
    study: list[Slice],
    slices: dict[ScanFile, list[Slice]],
    series: str | None,
    all_series: bool,
    pass_over: PassOver,
) -> list[FoundScan]:
    place = _common_folder(study)
    try:
        choice = sort_out(study, series, place)
    except RefusedScan as refusal:
        if refusal.code in NO_SCAN:
            for folder in sorted({slice_.file.folder for slice_ in study}):
                pass_over(folder, refusal.reason.partition(";")[0])
            return []
        return [_scan(study, None, slices, series)]  # refused by the reader, for the same reason
    if all_series and series is None and choice.readable:
        return [_scan(own, title, slices, None) for title, own in choice.readable.items()]
    for title, why in choice.set_aside.items():
        pass_over(f"{place}/series {title}", why)
    if len(choice.fitting) == 1:
        ((title, own),) = choice.fitting.items()
        return [_scan(own, title, slices, series)]
    several = _scan([s for own in choice.fitting.values() for s in own], None, slices, series)
    return [replace(several, several=listed(choice.fitting))]


def _scan(
    own: list[Slice], title: str | None, slices: dict[ScanFile, list[Slice]], series: str | None
) -> FoundScan:
    """Name slices for the reader: a folder, with the series or the files where it holds more than these."""
    folders = {slice_.file.folder for slice_ in own}
    if len(folders) == 1:
        folder = folders.pop()
        beside = next(all_ for first, all_ in slices.items() if first.folder == folder)
        if len(beside) == len(own):
            return FoundScan(folder, series)
        if title is not None:
            if len({(slice_.study, slice_.patient) for slice_ in beside}) > 1:  # a number may be there twice
                title = " ".join([short_hash(own[0].series), *title.split(" ")[1:]])
            return FoundScan(folder, series or title)
    place = _common_folder(own)
    names = sorted({slice_.file.name.removeprefix(place).lstrip("/") for slice_ in own})
    return FoundScan(place, series, tuple(names))


def _common_folder(slices: list[Slice]) -> str:
    """Return the folder that holds all slices; of one zip's, the folder in it, which may be its top."""
    folders = sorted({slice_.file.folder for slice_ in slices})
    archives, inner = zip(*map(split_zip_path, folders), strict=True)
    if len(set(archives)) == 1 and None not in inner:
        return join_zip_path(archives[0], os.path.commonpath(inner))
    return os.path.commonpath(folders)
