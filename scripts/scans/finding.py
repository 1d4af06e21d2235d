"""What the user names, files, folders and zips, -> the scans in it, one a study, and what was passed over."""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.errors import UserError

from .declarable import DECLARED_FIELDS
from .files import ScanFile, natural_order, scan_files, shown
from .formats import DICOM, FORMATS, PICTURES, Format, formats_of
from .studies import FoundScan, scans_of_studies
from .zips import is_dropping, join_zip_path, zip_folders

__all__ = ["Found", "ScanItems", "find_scans", "scan_items"]

FEWEST_PICTURES = 8  # in a folder: fewer are illustrations beside something else
LISTED = 3  # names in the log for each reason
logger = logging.getLogger(__name__)


@dataclass
class Found:
    """What :func:`find_scans` found.

    Attributes:
        scans: in natural order within each folder, each once.
        passed_over: files, folders and series that are no scan or not the one of their study, and why.
        without: the named paths in which there is none; they are among the scans, to be refused by name.
    """

    scans: list[FoundScan] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)


class ScanItems(list[dict[str, Any]]):
    """Items of a data set, with ``passed_over``: what was met and is none, and why, for the run's record."""

    def __init__(self, items: Iterable[dict[str, Any]], passed_over: Mapping[str, str]) -> None:
        super().__init__(items)
        self.passed_over = dict(passed_over)


def find_scans(paths: Iterable[str | Path], series: str | None = None, all_series: bool = False) -> Found:
    """List the scans in files, folders and zips.

    The DICOM files of one study are one scan, in however many folders they lie: that of the series which the
    rules of :func:`~scripts.scans.formats.dicom_series.sort_out` choose. So is a folder of at least
    :data:`FEWEST_PICTURES` pictures, and each file of another format. Links are followed, each folder is
    entered once. What is named directly always comes back, and so does a folder that may not be entered, so
    that it is refused by name later and does not vanish.

    Args:
        paths: as the user named them; a scan in a zip is ``archive.zip::folder`` or ``archive.zip::file``.
        series: of DICOM, in place of the rules.
        all_series: answer for each axial series of a study, not for one.
    """
    found = Found()
    for path in map(Path, paths):
        before = len(found.scans)
        search = _Search(path, found)
        search.run(series, all_series)
        if len(found.scans) == before:  # DICOM of another kind says more of itself than the folder above
            place = search.dicom[0][0].folder if search.dicom else str(path)
            found.scans.append(FoundScan(place, series))
            found.without.append(place)
    found.scans = list(dict.fromkeys(found.scans))
    _log(found.passed_over)
    return found


def scan_items(
    scans: str | Path | Sequence[str | Path],
    declared: Mapping[str, Any] | None = None,
    all_series: bool = False,
) -> ScanItems:
    """Return an item for each scan in files, folders and zips.

    Args:
        scans: files, folders and zips, as the user named them; or one.
        declared: what holds for all of them, in the fields of a datalist's item
            (:data:`~scripts.scans.declaration.DECLARED_FIELDS`); what is None is left out.
        all_series: as in :func:`find_scans`.

    Returns:
        Items with ``image``, the path, and ``name``, which outputs show: the path from the named folder
        on, or the file's name; where two would be alike, the path from the folder on that holds all scans.
        Where a folder holds more than the scan, ``series`` or ``slices`` say which it is.

    Raises:
        UserError: something else is declared.
    """
    fields = {field: value for field, value in (declared or {}).items() if value is not None}
    unknown = sorted(set(fields) - set(DECLARED_FIELDS))
    if unknown:
        raise UserError(f"{unknown[0]} cannot be declared of scans; expected {', '.join(DECLARED_FIELDS)}")
    items: list[dict[str, Any]] = []
    passed_over: dict[str, str] = {}
    for top in [scans] if isinstance(scans, str | Path) else scans:
        found = find_scans([top], str(fields["series"]) if "series" in fields else None, all_series)
        passed_over |= found.passed_over
        items += [{**_item(scan, Path(top)), **fields, **scan.chosen} for scan in found.scans]
    counts = Counter(item["name"] for item in items)
    paths = [str(Path(item["image"]).absolute()) for item in items]
    for item, path in zip(items, paths, strict=True):
        if counts[item["name"]] > 1:
            item["name"] = shown(_from_common_folder(path, paths))
            if paths.count(path) > 1:
                item["name"] += f" series {item.get('series', '')}"
    return ScanItems(items, passed_over)


class _Search:
    """The search of one named path."""

    def __init__(self, top: Path, found: Found) -> None:
        self.top = top
        self.found = found
        self.dicom: list[list[ScanFile]] = []  # a list a folder
        self.scans: list[FoundScan | list[ScanFile]] = []  # in order; the files stand for their studies

    def run(self, series: str | None, all_series: bool) -> None:
        try:
            is_folder = self.top.is_dir()
        except OSError:  # a name that is too long, a folder that may not be entered
            return
        if is_folder:
            for folder, files in self.walk():
                self.sort(folder, files)
        elif self.top.name.lower().endswith(".zip"):
            self.enter_zip(self.top)
        else:
            return
        studies = scans_of_studies(self.dicom, series, all_series, self.pass_over)
        for scan in self.scans:
            self.found.scans += [scan] if isinstance(scan, FoundScan) else studies.get(scan[0], [])

    def pass_over(self, path: str, why: str) -> None:
        """Note what is left out, by its path from the named folder on."""
        self.found.passed_over[_relative(path, self.top)] = why

    def walk(self) -> Iterator[tuple[str, list[ScanFile]]]:
        """Give each folder below the top once, with the files in it that can be opened, in natural order."""
        above = {str(folder) for folder in self.top.resolve().parents}  # to which a link may lead back
        entered = set(above)
        closed: list[OSError] = []
        for folder, folders, names in os.walk(self.top, followlinks=True, onerror=closed.append):
            real = os.path.realpath(folder)
            if real in entered:
                if real in above:
                    self.pass_over(folder, "a link back to a folder above")
                folders.clear()
                continue
            entered.add(real)
            for name in [name for name in (*folders, *names) if is_dropping(name)]:
                self.pass_over(f"{folder}/{name}", "hidden, or left by a system")
            folders[:] = sorted((name for name in folders if not is_dropping(name)), key=natural_order)
            names = sorted((name for name in names if not is_dropping(name)), key=natural_order)
            yield folder, [file for name in names for file in self.files_at(folder, name)]
            self.scans += [FoundScan(str(error.filename)) for error in closed]  # named, to be refused
            closed.clear()
        self.scans += [FoundScan(str(error.filename)) for error in closed]

    def files_at(self, folder: str, name: str) -> list[ScanFile]:
        path = Path(folder, name)
        try:
            size = path.stat().st_size
        except OSError:
            if any(format_.has_ending(name) for format_ in FORMATS):
                return [ScanFile(str(path), 0, path)]  # named, to be refused
            self.pass_over(str(path), "a link that leads nowhere, or may not be followed")
            return []
        if not path.is_file():
            self.pass_over(str(path), "neither a file nor a folder")
            return []
        return [ScanFile(str(path), size, path, packed_size=size)]

    def enter_zip(self, archive: Path) -> None:
        """Sort what is in a zip; a broken one is named, to be refused."""
        try:
            for inner in sorted(zip_folders(archive), key=natural_order):
                folder = join_zip_path(str(archive), inner)
                files = sorted(scan_files(Path(), folder), key=lambda file: natural_order(file.base_name))
                self.sort(folder, files)
        except UserError:
            self.scans.append(FoundScan(str(archive)))

    def sort(self, folder: str, files: list[ScanFile]) -> None:
        """Sort the files of a folder: slices make one scan, each file of another format is one."""
        if any(file.locked for file in files):  # may be a scan
            self.scans.append(FoundScan(folder))
            return
        zips = [file for file in files if file.member is None and file.base_name.lower().endswith(".zip")]
        formats = _formats([file for file in files if file not in zips])
        slices = [file for file, format_ in formats.items() if format_ is DICOM]
        pictures = [file for file, format_ in formats.items() if format_ is PICTURES]
        if slices:
            self.dicom.append(slices)
            self.scans.append(slices)
        elif len(pictures) >= FEWEST_PICTURES:
            self.scans.append(FoundScan(folder))
        names = {file.base_name.lower() for file in files}
        for file, format_ in formats.items():
            if _is_data_of(file.base_name.lower(), names):
                self.pass_over(file.name, "the voxels of a header beside it")
            elif format_ is None:
                self.pass_over(file.name, "no scan, or damaged beyond recognition")
            elif not format_.of_slices:
                self.scans.append(FoundScan(file.name))
            elif format_ is PICTURES and (slices or len(pictures) < FEWEST_PICTURES):
                self.pass_over(file.name, f"a picture, not one of {FEWEST_PICTURES} slices or more")
        for file in zips:
            self.enter_zip(file.path)


def _formats(files: list[ScanFile]) -> dict[ScanFile, Format | None]:
    """Return the formats of files: by name where it says so; others are opened, DICOM needs none."""
    by_name = [format_ for format_ in FORMATS if format_ is not DICOM]
    named = {file: next((k for k in by_name if k.has_ending(file.base_name)), None) for file in files}
    opened = formats_of(file for file, format_ in named.items() if format_ is None)
    return {file: format_ or opened[file] for file, format_ in named.items()}


def _is_data_of(name: str, names: set[str]) -> bool:
    """Tell a file of voxels by a header of the same stem beside it; names in small letters."""
    stem = name.removesuffix(".gz")
    pairs = {".img": (".hdr", ".hdr.gz"), ".raw": (".mhd", ".nhdr"), ".zraw": (".mhd",)}
    return any(
        stem.removesuffix(data) + header in names
        for data, headers in pairs.items()
        if stem.endswith(data)
        for header in headers
    )


def _item(scan: FoundScan, top: Path) -> dict[str, Any]:
    return {"image": scan.path, "name": _relative(scan.path, top)}


def _relative(path: str, top: Path) -> str:
    """Return a path from the named folder on, as outputs show it."""
    name = str(Path(path).relative_to(top.parent)) if path.startswith(str(top)) else Path(path).name
    return shown(name.removesuffix("::"))


def _from_common_folder(path: str, paths: Sequence[str]) -> str:
    return os.path.relpath(path, os.path.commonpath([Path(other).parent for other in paths]))


def _log(passed_over: Mapping[str, str]) -> None:
    for why, count in Counter(passed_over.values()).items():
        names = [path for path, reason in passed_over.items() if reason == why]
        more = f" and {count - LISTED} more" if count > LISTED else ""
        logger.info("%d passed over (%s): %s%s", count, why, ", ".join(names[:LISTED]), more)
