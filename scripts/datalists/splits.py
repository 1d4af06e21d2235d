"""Items -> training (with folds), validation and test lists: drawn anew, or as published."""

from dataclasses import dataclass
from typing import Any

from scripts.errors import UserError

from .layouts import first_names
from .schema import LISTS
from .splitting import split_by_patient

__all__ = ["SplitPlan", "split_items"]

Lists = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class SplitPlan:
    """How to part the scans.

    Attributes:
        validation: share of the patients that select checkpoints, 0 to 1.
        test: share of the patients that are only reported on, 0 to 1.
        folds: of the training list.
        seed: of all that is drawn.
        keep_published: keep the lists of the publication, and draw only those that it lacks.
    """

    validation: float = 0.1
    test: float = 0.2
    folds: int = 5
    seed: int = 0
    keep_published: bool = False


def split_items(items: list[dict[str, Any]], plan: SplitPlan) -> Lists:
    """Part items by patient; the items' own ``list`` is taken away.

    Args:
        items: each with ``label``, ``patient`` and, where published, ``list``.
        plan: see :class:`SplitPlan`. With published lists, a share is drawn from the published training
            list for a list that the publication lacks.

    Raises:
        UserError: a class has too few patients; or the published lists are asked for and are not there,
            or part a patient's scans.
    """
    if plan.folds < 2:
        raise UserError(f"--folds {plan.folds}: give 2 or more")
    if min(plan.validation, plan.test) < 0:
        raise UserError(f"--validation {plan.validation} --test {plan.test}: a share is 0 to 1")
    bare = [{key: value for key, value in item.items() if key != "list"} for item in items]
    if not plan.keep_published:
        return split_by_patient(bare, plan.validation, plan.test, plan.folds, plan.seed)
    _check_published(items)
    published: Lists = {name: [] for name in LISTS}
    for item, written in zip(items, bare, strict=True):
        published[item["list"]].append(written)
    if not published["training"]:
        raise UserError("--keep_split: the published training list is empty")
    validation = 0.0 if published["validation"] else plan.validation
    test = 0.0 if published["test"] else plan.test
    drawn = split_by_patient(published["training"], validation, test, plan.folds, plan.seed)
    return {name: drawn[name] if name == "training" else published[name] or drawn[name] for name in LISTS}


def _check_published(items: list[dict[str, Any]]) -> None:
    homeless = [item["image"] for item in items if "list" not in item]
    if homeless:
        raise UserError(
            f"--keep_split: {len(homeless)} scans are in no published list ({first_names(homeless)}); "
            f"leave --keep_split away to draw the lists by patient"
        )
    homes: dict[str, set[str]] = {}
    for item in items:
        homes.setdefault(item["patient"], set()).add(item["list"])
    parted = [
        f"{patient} ({' and '.join(sorted(lists))})" for patient, lists in homes.items() if len(lists) > 1
    ]
    if parted:
        raise UserError(
            f"--keep_split: the published split parts the scans of {len(parted)} patients: "
            f"{first_names(parted, 5)}; leave --keep_split away to draw the lists by patient"
        )
