"""datalist.json, read and checked: its classes and its lists."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.scans import join_zip_path, split_zip_path

from .classes import CLASSES, checked_class_names
from .schema import load_datalist

__all__ = ["class_names", "read_datalist"]

ClassNames = Sequence[str] | Mapping[str, str]  # a list, or MONAI's channel_def
LabelMapping = Mapping[Any, int | str | None]
FILE_KEYS = ("image", "lobes", "lesions")


def class_names(
    path: str | Path, default: ClassNames = CLASSES, label_mapping: LabelMapping | None = None
) -> list[str]:
    """Return the classes that a network for a datalist tells apart, in the order of its outputs.

    They are the file's field ``classes``, after the mapping. Class 0 is the negative one.

    Args:
        path: a ``datalist.json``. Without a file, as for a client that only builds the network, it is as with
            one that names no classes.
        default: the classes where the file names none.
        label_mapping: from classes of the file to the names of those they are merged into, or to None to
            leave their scans out (see :class:`ClassLabels`).

    Raises:
        UserError: as :func:`read_datalist`.
    """
    names = checked_class_names(default, "the classes asked for are")
    path = Path(path)
    return load_datalist(path, None, label_mapping, names).class_names if path.exists() else names


def read_datalist(
    path: str | Path,
    refuse_overlap: bool = True,
    label_mapping: LabelMapping | None = None,
    classes: ClassNames | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Read a datalist; the paths of images and masks come back absolute, links below its folder untouched.

    Args:
        path: a ``datalist.json``; the paths in it are relative to its folder.
        refuse_overlap: refuse patients with scans on both sides of a split; an audit finds them otherwise.
        label_mapping: see :class:`ClassLabels`.
        classes: that ``label`` is an index of; by default as :func:`class_names` has it.

    Returns:
        The lists ``training``, ``validation`` and ``test`` (an absent one is empty). Beside its absolute
        ``image``, each item keeps the path as it was written under ``name``, for use in outputs. A scan
        inside a zip stays ``archive.zip::folder``. Where a scan is a folder of slices and an item has
        ``slices``, those files, in that order, are the scan (of DICOM files, they are a choice, and their
        position orders them).

    Raises:
        UserError: the file is missing or not JSON; classes, labels or other fields are missing or wrong, all
            of which the message names; or a patient's scans are on both sides of a split.
    """
    path = Path(path)
    content = load_datalist(path, classes, label_mapping)
    folder = path.parent.resolve()
    lists = {name: [_placed(item, folder) for item in items] for name, items in content.lists.items()}
    if refuse_overlap:
        _check_patients(lists, path)
    return lists


def _placed(item: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return an item with absolute paths, and the image's path as it was written under ``name``."""
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
            first = home.setdefault(item["patient"], place)
            if first != place:
                raise UserError(
                    f"{path}: patient {item['patient']} has scans in {first} and in {place}; "
                    f"all scans of a patient belong in one list and one fold (--audit_override "
                    f"patient_overlap goes on all the same, and the run's record says so)"
                )
