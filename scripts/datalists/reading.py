"""datalist.json, read and checked."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.scans import join_zip_path, split_zip_path
from scripts.text_files import read_text

from .splitting import part_by_patient

__all__ = ["checked_items", "fold_items", "load_datalist", "read_datalist"]

LISTS = ("training", "validation", "test")
FILE_KEYS = ("image", "lobes", "lesions")
SELECTION_SHARE = 0.1  # of the training patients, where the datalist has no validation list


def read_datalist(path: str | Path, refuse_overlap: bool = True) -> dict[str, list[dict[str, Any]]]:
    """Read a datalist; the paths of images and masks come back absolute, links below its folder untouched.

    Args:
        path: a ``datalist.json``; the paths in it are relative to its folder.
        refuse_overlap: refuse patients with scans on both sides of a split; an audit finds them otherwise.

    Returns:
        The lists ``training``, ``validation`` and ``test`` (an absent one is empty). Beside its absolute
        ``image``, each item keeps the path as it was written under ``name``, for use in outputs. A scan
        inside a zip stays ``archive.zip::folder``. Where a scan is a folder of slices and an item has
        ``slices``, those files, in that order, are the scan (of DICOM files, they are a choice, and their
        position orders them).

    Raises:
        UserError: the file is missing or not JSON, a field is missing or wrong, or a patient's scans
            are on both sides of a split.
    """
    path = Path(path)
    content = load_datalist(path)
    lists = {name: checked_items(content.get(name, []), name, path) for name in LISTS}
    if refuse_overlap:
        _check_patients(lists, path)
    return lists


def load_datalist(path: Path) -> dict[str, Any]:
    """Return what is in a datalist, unchecked.

    Args:
        path: of the file.

    Raises:
        UserError: the file is missing or not JSON.
    """
    try:
        return json.loads(read_text(path))
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; --dataset_dir is the folder that holds datalist.json "
            f"(make one with `python -m scripts.phantoms --output_dir DIR`)"
        ) from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: not JSON ({error})") from None


def fold_items(
    path: str | Path, fold: int | None = None, audit_override: str | Sequence[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Return who is trained on, selected on and reported on.

    With a fold k: train on the training folds other than k, select on ``validation``, report on
    fold k. Without: train on all of ``training``, select on ``validation``, report on ``test``. A datalist
    without ``validation`` gives up a tenth of the patients who would be trained on, always the same ones.

    Args:
        path: a ``datalist.json``.
        fold: index of the fold that is held out and reported, or None.
        audit_override: hard errors of an audit that the user takes responsibility for; with
            ``patient_overlap`` among them, patients on both sides of a split are not refused.

    Returns:
        ``{"train": [...], "select": [...], "report": [...], "test": [...]}``.

    Raises:
        UserError: as :func:`read_datalist`; or the fold is not in the file, or there are too few patients
            to select on.
    """
    lists = read_datalist(path, refuse_overlap="patient_overlap" not in audit_override)
    train, report = lists["training"], lists["test"]
    if fold is not None:
        folds = sorted({item["fold"] for item in train if "fold" in item})
        if fold not in folds:
            raise UserError(f"{path}: fold {fold!r} is not in the training list, which has folds {folds}")
        report = [item for item in train if item.get("fold") == fold]
        train = [item for item in train if item.get("fold") != fold]
    select = lists["validation"]
    if not select and train:
        train, select = part_by_patient(train, SELECTION_SHARE, seed=0)
    return {"train": train, "select": select, "report": report, "test": lists["test"]}


def checked_items(items: list[dict[str, Any]], list_name: str, path: Path) -> list[dict[str, Any]]:
    """Return items with absolute paths, and the path as it was written under ``name``.

    Args:
        items: as the file has them.
        list_name: of the list they are in.
        path: of the file.

    Raises:
        UserError: a field is missing or wrong.
    """
    return [_checked(item, list_name, path) for item in items]


def _checked(item: dict[str, Any], list_name: str, path: Path) -> dict[str, Any]:
    for field in ("image", "patient"):
        if not item.get(field):
            raise UserError(f"{path}: an item of {list_name} has no {field!r}: {json.dumps(item)[:120]}")
    if item.get("label") not in (0, 1, 2):
        raise UserError(
            f"{path}: {item['image']} has label {item.get('label')!r}; expected 0 non-pneumonia, "
            f"1 other pneumonia or 2 COVID-19"
        )
    folder = path.parent.resolve()
    absolute = {key: _absolute(folder, item[key]) for key in FILE_KEYS if item.get(key)}
    return {**item, **absolute, "name": item["image"]}


def _absolute(folder: Path, written: str) -> str:
    outer, inner = split_zip_path(written)
    path = os.path.normpath(folder / outer)
    return path if inner is None else join_zip_path(path, inner)


def _check_patients(lists: dict[str, list[dict[str, Any]]], path: Path) -> None:
    home: dict[str, str] = {}
    for name, items in lists.items():
        for item in items:
            place = f"{name} fold {item['fold']}" if "fold" in item else name
            first = home.setdefault(str(item["patient"]), place)
            if first != place:
                raise UserError(
                    f"{path}: patient {item['patient']} has scans in {first} and in {place}; "
                    f"all scans of a patient belong in one list and one fold (--audit_override "
                    f"patient_overlap goes on all the same, and the run's record says so)"
                )
