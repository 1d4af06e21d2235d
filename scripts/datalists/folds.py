"""Whether a datalist can be cross-validated."""

from pathlib import Path
from typing import Any

from scripts.errors import UserError

from .reading import ClassNames, LabelMapping, class_names, read_datalist
from .schema import LISTS

__all__ = ["cross_validation_folds"]


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
