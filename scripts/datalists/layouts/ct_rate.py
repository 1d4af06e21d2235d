"""CT-RATE (Hamamci et al., 2024, arXiv:2403.17834).

``train_fixed, valid_fixed / train_1 / train_1_a / train_1_a_1.nii.gz``: patient, scan, reconstruction. The
first release, ``train`` and ``valid``, lacks spacing, direction and rescale in its headers. The labels are 18
findings, 0 or 1, drawn from the reports by a language model, in ``multi_abnormality_labels`` (columns
VolumeName, Medical material, ..., Interlobular septal thickening); age and sex are in ``metadata``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.errors import UserError

from .collection import Collection, Layout, Request
from .release import list_folder, of_person, read_table

__all__ = ["CT_RATE"]

SOURCE = "ct_rate"
SPLITS = {  # folder: the list, the table of labels, the table of persons
    "train_fixed": ("training", "train_predicted_labels.csv", "train_metadata.csv"),
    "valid_fixed": ("validation", "valid_predicted_labels.csv", "validation_metadata.csv"),
}
BARE = ("train", "valid")
NAME, NORMAL, REST = "VolumeName", "no finding", "other findings"
ENDING = ".nii.gz"
Person = dict[str, int | str]


def collect_ct_rate(request: Request) -> Collection:
    """Collect CT-RATE: the mapping says which class its findings mean, and what has none of them."""
    collection = Collection({SOURCE: {}}, ["CT-RATE's labels are a language model's reading of reports"])
    base = request.root / "dataset" if (request.root / "dataset").is_dir() else request.root
    bare = [name for name in list_folder(base)[0] if name in BARE]
    collection.leave_out("first release: no spacing and rescale in its headers; take *_fixed", bare)
    for split, (list_, labels, persons) in SPLITS.items():
        if not (base / split).is_dir():
            continue
        table = base / "multi_abnormality_labels" / labels
        rows = {_stem(row.pop(NAME)): row for row in read_table(table, (NAME,)).values()}
        _check_mapping(request, table, next(iter(rows.values()), {}))
        people = _people(base / "metadata" / persons)
        for image in _scans(request.root, base / split, collection):
            stem = _stem(image.rpartition("/")[2])
            if stem not in rows:
                collection.leave_out(f"not in {labels}", [image])
                continue
            findings = [name for name, value in rows[stem].items() if value in ("1", "1.0")]
            label, keys = _label(request, findings)
            if not isinstance(label, int):
                collection.leave_out(label, [image])
                continue
            meaning = f"{' or '.join(keys)}, drawn from the report by a language model"
            collection.label_meaning[SOURCE].setdefault(str(label), meaning)
            item: dict[str, Any] = {
                "image": image,
                "label": label,
                "patient": f"{SOURCE}-{'_'.join(stem.split('_')[:2])}",
                "source": SOURCE,
                "label_source": "report",
                "findings": ", ".join(findings),
                "list": list_,
            }
            collection.items.append(item | people.get(stem, {}))
    return collection


def _scans(root: Path, split: Path, collection: Collection) -> list[str]:
    """Return the reconstructions of a split, by their path from the root on."""
    images = []
    for patient in list_folder(split)[0]:
        for scan in list_folder(split / patient)[0]:
            for name in list_folder(split / patient / scan)[1]:
                image = (split / patient / scan / name).relative_to(root).as_posix()
                if name.endswith(ENDING):
                    images.append(image)
                else:
                    collection.leave_out("not a NIfTI file", [image])
    return images


def _label(request: Request, findings: list[str]) -> tuple[int | str, list[str]]:
    """Return the class of these findings, or why there is none; and what else is of that class."""
    labels = request.labels()
    mapping = {str(key).casefold(): str(key) for key in request.label_mapping or {}}
    named = [name for name in findings if name.casefold() in mapping]
    keys = named or [name for name in (REST if findings else NORMAL,) if name in mapping]
    targets = {labels.index(key) for key in keys}
    if len(targets) != 1:
        return ("findings of several classes" if targets else "no finding that --label_mapping names"), []
    target = targets.pop()
    if target is None:
        return "left out by --label_mapping", []
    return target, [key for key in mapping.values() if labels.index(key) == target]


def _check_mapping(request: Request, table: Path, row: Mapping[str, str]) -> None:
    known = [*row, NORMAL, REST]
    unknown = set(map(str.casefold, map(str, request.label_mapping or {}))) - set(map(str.casefold, known))
    if unknown or not request.label_mapping:
        wrong = f"label_mapping has {sorted(unknown)[0]!r}; " if unknown else ""
        raise UserError(
            f"{table}: {wrong}its labels are findings, none of them COVID-19 or pneumonia: say which class "
            f"they mean, such as --label_mapping \"{{'no finding': 'non-pneumonia', 'Consolidation': "
            f"'other pneumonia'}}\"; they are {', '.join(known)}"
        )


def _people(table: Path) -> dict[str, Person]:
    if not table.is_file():
        return {}
    rows = read_table(table, (NAME, "PatientAge", "PatientSex")).values()
    return {_stem(row[NAME]): of_person(row["PatientAge"], row["PatientSex"]) for row in rows}


def _stem(name: str) -> str:
    return name.removesuffix(ENDING)


CT_RATE = Layout(
    collect_ct_rate,
    "train_fixed, valid_fixed, multi_abnormality_labels and, for age and sex, metadata",
    frozenset(),
    classes=None,
)
