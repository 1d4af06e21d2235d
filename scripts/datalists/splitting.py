"""Lists and folds that never part the scans of one patient."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from scripts.errors import UserError

__all__ = ["part_by_patient", "split_by_patient"]


def split_by_patient(
    items: Sequence[dict[str, Any]], validation: float, test: float, folds: int = 5, seed: int = 0
) -> dict[str, list[dict[str, Any]]]:
    """Part scans into training (with folds), validation and test lists, by patient, classes in proportion.

    Every part is a fold of scikit-learn's ``StratifiedGroupKFold``, so that a patient's scans stay
    together and each class is spread evenly.

    Args:
        items: datalist items, each with ``label`` and ``patient``.
        validation: share of the patients that select checkpoints, 0 to 1.
        test: share of the patients that are only reported on, 0 to 1.
        folds: number of cross-validation folds of the training list.
        seed: of the shuffling.

    Returns:
        ``{"training": [...], "validation": [...], "test": [...]}``; training items gain ``fold``.

    Raises:
        UserError: a class has fewer patients than the parts it must be spread over.
    """
    if not 0 <= validation + test < 1:
        raise UserError(f"validation={validation} and test={test} leave no scans to train on")
    rest, test_items = part_by_patient(list(items), test, seed)
    training, validation_items = part_by_patient(rest, validation / (1 - test), seed)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    labels, patients = _labels_and_patients(training)
    _check_spread(labels, patients, folds)
    numbered = [dict(item) for item in training]
    for fold, (_, members) in enumerate(splitter.split(labels, labels, patients)):
        for index in members:
            numbered[index]["fold"] = fold
    return {"training": numbered, "validation": validation_items, "test": test_items}


def part_by_patient(items: list[dict[str, Any]], share: float, seed: int) -> tuple[list, list]:
    """Return the items that stay and those taken: a share of the patients, classes in proportion.

    Args:
        items: datalist items, each with ``label`` and ``patient``.
        share: to take, 0 to 1.
        seed: of the shuffling.

    Raises:
        UserError: a class has too few patients to be on both sides in that proportion.
    """
    if share <= 0:
        return items, []
    labels, patients = _labels_and_patients(items)
    parts = max(2, round(1 / share))
    _check_spread(labels, patients, parts)
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    kept, taken = next(splitter.split(labels, labels, patients))
    return [items[i] for i in kept], [items[i] for i in taken]


def _labels_and_patients(items: Sequence[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([item["label"] for item in items]), np.array([item["patient"] for item in items])


def _check_spread(labels: np.ndarray, patients: np.ndarray, parts: int) -> None:
    for label in np.unique(labels):
        count = len(np.unique(patients[labels == label]))
        if count < parts:
            raise UserError(
                f"class {label} has {count} patients, too few to spread over {parts} parts: "
                f"add patients of that class or ask for larger shares and fewer folds"
            )
