"""Whether a datalist can be cross-validated."""

from pathlib import Path
from typing import Any

from scripts.errors import UserError

from .reading import LISTS, read_datalist

__all__ = ["cross_validation_folds"]


def cross_validation_folds(path: str | Path, num_classes: int = 3) -> list[int]:
    """Return the folds of a datalist, after checking that none of them can flatter the others.

    Args:
        path: a ``datalist.json``.
        num_classes: every fold must hold scans of each.

    Raises:
        UserError: as :func:`read_datalist` (a patient in two folds or lists is one reason); a scan is listed
            twice; a training item has no fold; there are fewer than two folds; or a fold lacks a class.
    """
    lists = read_datalist(path)
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
        missing = set(range(num_classes)) - {item["label"] for item in items}
        if missing:
            raise UserError(
                f"{path}: fold {fold} has {len(items)} scans, none of them of class {min(missing)}; "
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
