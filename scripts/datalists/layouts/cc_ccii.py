"""CC-CCII (Zhang et al., Cell 181, 2020): zips or folders ``CLASS/PATIENT/SCAN/*.png or jpg``.

``unzip_filenames.csv`` (zip_file, label, patient_id, scan_id, n_slice) says what lies in which zip, and
``metadata.csv`` (patient_id, Age, Sex(Male1/Female2), Critical_illness, ...) knows some of the patients. The
published NCP-13.zip is known to be damaged.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.scans import is_picture, join_zip_path, natural_order, zip_folders

from .clean_cc_ccii import Key, correct_slices, order_as_listed, read_corrections, read_published_lists
from .collection import Collection, Layout, Request
from .release import list_folder, of_person, read_table

__all__ = ["CC_CCII"]

SOURCE = "cc_ccii"
CLASSES = {"Normal": 0, "CP": 1, "NCP": 2}
CORRECTIONS, METADATA, CONTENTS = "CT_cleaned.csv", "metadata.csv", "unzip_filenames.csv"
SEX = "Sex(Male1/Female2)"
SIDE_FILES = (
    CORRECTIONS,
    METADATA,
    CONTENTS,
    "lesions_slices.csv",
    "ct_train.json",
    "ct_val.json",
    "ct_test.json",
)
MEANING = {
    "0": "Normal control",
    "1": "CP, common (community-acquired) pneumonia; not defined by fibrosis as the ILD of Wang et al.",
    "2": "NCP, COVID-19 pneumonia",
}
NOTES = [
    "CC-CCII has 8-bit slices without spacing; how each patient was diagnosed is not in the release",
    "CC-CCII's bodies are masked out in 62 % of Normal, 10 % of NCP and 0.3 % of CP scans: a shortcut",
]


@dataclass(frozen=True)
class _Scan:
    image: str
    names: list[str]


def collect_cc_ccii(request: Request) -> Collection:
    """Collect CC-CCII from folders, zips or both; corrected where Clean-CC-CCII's files lie beside it.

    The json splits come first (the corrections are in them), else ``CT_cleaned.csv``; scans that they do
    not know are left out. An item gains ``slices``, the file names to read in order, only where that is
    not all of them by number.
    """
    collection = Collection({SOURCE: MEANING}, list(NOTES))
    scans, damaged = _find_scans(request.root, collection)
    published = read_published_lists(request.root)
    table = request.csv or request.root / CORRECTIONS
    if published:
        there = damaged.without(set(published), scans)
        found = _known(request, request.root / "ct_*.json", scans, there, collection)
        for key in found:
            name, listed = published[key]
            slices = _checked(key, "the json splits", order_as_listed, scans[key].names, listed)
            collection.items.append({**_item(key, scans[key], slices), "list": name})
    elif table.is_file() or request.csv:
        rows = read_corrections(table)
        unusable = {key for key, row in rows.items() if row["repeat_ids"] in ("discard", "no image")}
        collection.leave_out(f"unusable by {table.name}", ["/".join(key) for key in scans if key in unusable])
        wanted = {key: scan for key, scan in scans.items() if key not in unusable}
        for key in _known(request, table, wanted, damaged.without(set(rows) - unusable, scans), collection):
            row, names = rows[key], scans[key].names
            slices = _checked(key, str(table), correct_slices, names, row["repeat_ids"], row["re_order"])
            if slices:
                masked = {"masked_body": True} if row["is_seg"] == "1" else {}
                collection.items.append({**_item(key, scans[key], slices), **masked})
            else:
                collection.leave_out(f"no slice left by {table.name}", ["/".join(key)])
    else:
        collection.items = [_item(key, scan, scan.names) for key, scan in scans.items()]
    people = _people(request.root / METADATA)
    for item in collection.items:
        item.update(people.get(item["patient"], {}))
    return collection


@dataclass(frozen=True)
class _Damaged:
    """Zips that cannot be opened: what was in them is not missing for another reason.

    Attributes:
        classes: theirs, by their names: ``NCP-13.zip`` holds NCP.
        contents: their scans, where the release's own list says.
    """

    classes: frozenset[str]
    contents: frozenset[Key]

    def without(self, keys: set[Key], scans: Mapping[Key, _Scan]) -> set[Key]:
        """Return the listed scans that are there, or are missing for another reason."""
        lost = self.contents or {key for key in keys if key[0] in self.classes}
        return {key for key in keys if key in scans or key not in lost}


def _find_scans(root: Path, collection: Collection) -> tuple[dict[Key, _Scan], _Damaged]:
    scans: dict[Key, _Scan] = {}
    damaged: list[str] = []
    folders, files = list_folder(root)
    archives = [name for name in files if name.lower().endswith(".zip")]
    collection.leave_out("not part of the layout", [n for n in files if n not in (*SIDE_FILES, *archives)])
    for folder in folders:
        if folder in CLASSES:
            _add_folders(root, folder, scans, collection)
        else:
            inner, strays = list_folder(root / folder)
            packed = [name for name in strays if name.lower().endswith(".zip")]
            archives += [f"{folder}/{name}" for name in packed]
            if inner or not packed:
                collection.leave_out("not a folder CP, NCP or Normal", [folder])
    for archive in archives:
        try:
            packed_folders = zip_folders(root / archive)
        except UserError as error:
            collection.leave_out(f"damaged zip: {error}", [archive])
            damaged.append(archive.rpartition("/")[2])
            continue
        for path, members in packed_folders.items():
            image = join_zip_path(archive, path)
            names = [member.filename.rpartition("/")[2] for member in members]
            _add(tuple(path.split("/")[-3:]), image, names, scans, collection)
    ordered = dict(sorted(scans.items(), key=lambda entry: natural_order("/".join(entry[0]))))
    return ordered, _damaged(root / CONTENTS, damaged)


def _damaged(contents: Path, names: list[str]) -> _Damaged:
    """Return what the damaged zips of these names held."""
    rows: Iterable[dict[str, str]] = ()
    if names and contents.is_file():
        rows = read_table(contents, ("zip_file", "label", "patient_id", "scan_id")).values()
    held = [(r["label"], r["patient_id"], r["scan_id"]) for r in rows if r["zip_file"] in names]
    classes = frozenset(name for name in CLASSES if any(each.split("-")[0] == name for each in names))
    return _Damaged(classes, frozenset(held))


def _people(table: Path) -> dict[str, dict[str, int | str]]:
    """Return age, sex and severity by patient, of those whom the metadata know."""
    if not table.is_file():
        return {}
    people: dict[str, dict[str, int | str]] = {}
    for row in read_table(table, ("patient_id", "Age", SEX)).values():
        critical = row.get("Critical_illness", "").removesuffix(".0")
        grade = {"0": "not critical", "1": "critical"}.get(critical)
        patient = f"{SOURCE}-{row['patient_id'].removesuffix('.0')}"
        people[patient] = of_person(row["Age"], row[SEX]) | ({"severity": grade} if grade else {})
    return people


def _add_folders(root: Path, group: str, scans: dict[Key, _Scan], collection: Collection) -> None:
    patients, strays = list_folder(root / group)
    collection.leave_out("not in a scan's folder", [f"{group}/{name}" for name in strays])
    for patient in patients:
        names, strays = list_folder(root / group / patient)
        collection.leave_out("not in a scan's folder", [f"{group}/{patient}/{name}" for name in strays])
        for scan in names:
            image = f"{group}/{patient}/{scan}"
            _add((group, patient, scan), image, list_folder(root / image)[1], scans, collection)


def _add(
    key: tuple[str, ...], image: str, names: list[str], scans: dict[Key, _Scan], collection: Collection
) -> None:
    pictures = sorted(filter(is_picture, names), key=natural_order)
    if len(key) < 3 or key[0] not in CLASSES:
        collection.leave_out("not a folder CLASS/PATIENT/SCAN", [image])
        return
    scan_key = (key[0], key[1], key[2])
    collection.leave_out("not a picture", [f"{image}/{name}" for name in names if not is_picture(name)])
    if scan_key in scans:
        raise UserError(
            f"scan {'/'.join(scan_key)} is there twice: {scans[scan_key].image} and {image}; remove one"
        )
    if pictures:
        scans[scan_key] = _Scan(image, pictures)
    else:
        collection.leave_out("folder without pictures", [image])


def _known(
    request: Request, table: Path, scans: dict[Key, _Scan], listed: set[Key], collection: Collection
) -> list[Key]:
    """Return the scans that are both there and listed; see to the others."""
    collection.miss(request, table, sorted(("/".join(key) for key in listed - set(scans)), key=natural_order))
    collection.leave_out(f"not in {table.name}", ["/".join(key) for key in scans if key not in listed])
    return [key for key in scans if key in listed]


def _checked(key: Key, where: str, correct: Callable[..., list[str]], *arguments: Any) -> list[str]:
    try:
        return correct(*arguments)
    except ValueError as error:
        raise UserError(f"{where}: scan {'/'.join(key)}: {error}") from None


def _item(key: Key, scan: _Scan, slices: list[str]) -> dict[str, Any]:
    group, patient, _ = key
    item = {
        "image": scan.image,
        "label": CLASSES[group],
        "patient": f"{SOURCE}-{patient}",
        "source": SOURCE,
        "label_source": "unknown",
        "intensity": "windowed",
        "released_as": group,
    }
    return item if slices == scan.names else {**item, "slices": slices}


CC_CCII = Layout(
    collect_cc_ccii,
    "zips, or folders Normal, CP, NCP, with PATIENT/SCAN/*.png or jpg; CT_cleaned.csv or ct_*.json if any",
    frozenset({"csv", "skip_missing"}),
)
