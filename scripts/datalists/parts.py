"""The part of each scan of a datalist in a run: it trains, selects, is reported on, or is from elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.errors import UserError

from .classes import CLASSES
from .reading import ClassNames, LabelMapping, class_names, read_datalist
from .schema import LISTS
from .splitting import take_share

__all__ = ["cross_validation_folds", "external_items", "fold_items"]

SELECTION_SHARE = 0.1  # of the training patients, where the datalist has no validation list


def fold_items(
    path: str | Path,
    fold: int | None = None,
    audit_override: str | Sequence[str] = (),
    label_mapping: LabelMapping | None = None,
    classes: ClassNames | None = None,
    selection_share: float = SELECTION_SHARE,
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
        label_mapping: see :class:`ClassLabels`.
        classes: that ``label`` is an index of; by default as :func:`class_names` has it.
        selection_share: of the training patients, where the datalist has no ``validation``; 0: none.

    Returns:
        ``{"train": [...], "select": [...], "report": [...], "test": [...]}``.

    Raises:
        UserError: as :func:`read_datalist`; or the fold is not in the file, or there are too few patients
            to select on.
    """
    lists = read_datalist(path, "patient_overlap" not in audit_override, label_mapping, classes)
    train, report = lists["training"], lists["test"]
    if fold is not None:
        folds = sorted({item["fold"] for item in train if "fold" in item})
        if fold not in folds:
            raise UserError(f"{path}: fold {fold!r} is not in the training list, which has folds {folds}")
        report = [item for item in train if item.get("fold") == fold]
        train = [item for item in train if item.get("fold") != fold]
    select = lists["validation"]
    if not select and train:
        train, select = take_share(train, selection_share, seed=0)
    return {"train": train, "select": select, "report": report, "test": lists["test"]}


def cross_validation_folds(
    path: str | Path, label_mapping: LabelMapping | None = None, classes: ClassNames | None = None
) -> list[int]:
    """Return the folds of a datalist, after checking that none of them can flatter the others.

    Args:
        path: a ``datalist.json``.
        label_mapping: see :class:`ClassLabels`.
        classes: every fold must hold scans of each; by default as :func:`class_names` has it.

    Raises:
        UserError: as :func:`read_datalist` (a patient in two folds or lists is one reason); a scan is listed
            twice; a training item has no fold; there are fewer than two folds; or a fold lacks a class.
    """
    names = class_names(path, label_mapping=label_mapping) if classes is None else list(classes)
    lists = read_datalist(path, True, label_mapping, names)
    _check_scans_are_listed_once(lists, path)
    members: dict[int, list[dict[str, Any]]] = {}
    for item in lists["training"]:
        if "fold" not in item:
            raise UserError(
                f"{path}: {item['name']} of training has no 'fold'; "
                f"make the datalist with `python -m scripts.datalists build`, or number the folds in it"
            )
        members.setdefault(item["fold"], []).append(item)
    if len(members) < 2:
        raise UserError(
            f"{path}: training has the folds {sorted(members)}; cross-validation needs two or more"
        )
    for fold, items in sorted(members.items()):
        missing = set(range(len(names))) - {item["label"] for item in items}
        if missing:
            raise UserError(
                f"{path}: fold {fold} has {len(items)} scans, none of them of class {names[min(missing)]!r}; "
                f"ask for fewer folds (`--folds`) or add patients of that class"
            )
    return sorted(members)


def _check_scans_are_listed_once(lists: dict[str, list[dict[str, Any]]], path: str | Path) -> None:
    home: dict[str, str] = {}
    for name in LISTS:
        for item in lists[name]:
            if item["image"] in home:
                raise UserError(
                    f"{path}: {item['name']} is listed in {home[item['image']]} and again in {name}; "
                    f"a scan belongs in one list, once"
                )
            home[item["image"]] = name


def external_items(
    path: str | Path, label_mapping: LabelMapping | None = None, classes: ClassNames = CLASSES
) -> dict[str, list[dict[str, Any]]]:
    """Return all scans of a datalist, whatever their list, as test scans.

    Args:
        path: a ``datalist.json`` that no network was trained on.
        label_mapping: from the labels in the file to the network's classes, by name or index; scans of a
            label that is mapped to None are left out. Without it, the names that the file gives its classes
            decide, and where it names none, its numbers.
        classes: the network's.

    Returns:
        ``{"train": [], "select": [], "report": [...], "test": [...]}``.

    Raises:
        UserError: as :func:`read_datalist`; or a label means none of the network's classes, or no scan
            is left.
    """
    lists = read_datalist(path, False, label_mapping, classes)
    scans = [scan for items in lists.values() for scan in items]
    if not scans:
        raise UserError(f"{path}: no scan is left to test on")
    return {"train": [], "select": [], "report": scans, "test": scans}
