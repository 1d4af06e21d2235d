"""Figures of merit, all computed from one table of probabilities and labels; docs/metrics.md defines them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .intervals import estimate, patient_weights, ratio
from .ranking import ranking_areas

__all__ = ["classification_metrics", "weighted_figures"]

BLOCK = 50  # resamples at a time: their sorted weights stay in the processor's cache
THREE_CLASS = ("three_class_accuracy", "balanced_accuracy", "macro_f1")
ONE_VS_REST = ("accuracy", "recall", "specificity", "precision", "f1", "auc", "average_precision")
NONE, ALL = "no scan is of this class", "all scans are of this class"


def classification_metrics(
    probabilities: np.ndarray,
    labels: np.ndarray,
    patients: Sequence[str],
    class_names: Sequence[str],
    seed: int = 0,
) -> dict[str, Any]:
    """Compute the three-class figures, and one-vs-rest figures for each class.

    The predicted class is the one with the highest probability. A figure that the scans do not define is
    ``None``, and ``undefined`` says why.

    Args:
        probabilities: ``(N, C)``, rows summing to one.
        labels: ``(N,)`` integers below C.
        patients: whose scan each row is; the intervals resample patients.
        class_names: one name a class.
        seed: of the bootstrap.

    Returns:
        A dictionary ready for JSON. ``three_class_accuracy`` is the share of scans whose predicted class
        is right, ``balanced_accuracy`` the mean recall, ``macro_f1`` the mean F1 of the classes; each class
        has one-vs-rest ``accuracy``, ``recall``, ``specificity``, ``precision``, ``f1``, ``auc`` (area
        under the ROC curve) and ``average_precision``. ``intervals_95_percent`` has the same names, each
        ``[low, high]`` or None where too few resamples define the figure. ``majority_class_accuracy`` is
        what always naming the commonest class of these scans scores.

    Raises:
        ValueError: shapes disagree, labels are not class indices, or rows do not sum to one.
    """
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    _check(probabilities, labels, patients, class_names)
    figures = weighted_figures(probabilities, labels, patient_weights(patients, seed=seed))
    count = len(class_names)
    matrix = np.zeros((count, count), dtype=int)
    np.add.at(matrix, (labels, probabilities.argmax(axis=1)), 1)
    return {
        "scans": len(labels),
        "patients": len(set(patients)),
        "majority_class_accuracy": float(np.bincount(labels).max() / len(labels)),
        **_named(figures, class_names, "value"),
        "intervals_95_percent": _named(figures, class_names, "interval_95_percent"),
        "confusion_matrix": {"rows": "label", "columns": "prediction", "counts": matrix.tolist()},
        "undefined": _reasons(matrix, class_names),
    }


def weighted_figures(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Compute every figure for many weightings of the same scans at once.

    Two networks' figures on the same weights are paired: the bootstrap distribution of their difference is
    the difference of the two results.

    Args:
        probabilities: ``(N, C)``.
        labels: ``(N,)`` integers below C.
        weights: ``(B, N)``, how often each scan counts, as :func:`patient_weights` gives them.

    Returns:
        The three-class figures, each ``(B,)``, and the one-vs-rest figures, each ``(B, C)``; NaN where
        undefined.
    """
    blocks = [
        _figures(probabilities, labels, weights[start : start + BLOCK])
        for start in range(0, len(weights), BLOCK)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _figures(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    count = probabilities.shape[1]
    cell = np.eye(count**2, dtype=weights.dtype)[labels * count + probabilities.argmax(axis=1)]
    matrix = (weights @ cell).astype(np.float64).reshape(-1, count, count)
    whole = matrix.sum(axis=(1, 2))[:, None]
    true_positive = np.diagonal(matrix, axis1=1, axis2=2)
    labelled, named = matrix.sum(axis=2), matrix.sum(axis=1)
    true_negative = whole - labelled - named + true_positive
    figures = {
        "accuracy": (true_positive + true_negative) / whole,
        "recall": ratio(true_positive, labelled),
        "specificity": ratio(true_negative, whole - labelled),
        "precision": ratio(true_positive, named),
        "f1": ratio(2 * true_positive, labelled + named),
    }
    areas = [ranking_areas(probabilities[:, index], labels == index, weights) for index in range(count)]
    return {
        "three_class_accuracy": true_positive.sum(axis=1) / whole[:, 0],
        "balanced_accuracy": figures["recall"].mean(axis=1),  # NaN where a class is absent
        "macro_f1": figures["f1"].mean(axis=1),
        **figures,
        "auc": np.stack([area for area, _ in areas], axis=1),
        "average_precision": np.stack([precision for _, precision in areas], axis=1),
    }


def _named(figures: Mapping[str, np.ndarray], class_names: Sequence[str], part: str) -> dict[str, Any]:
    """Return the values, or the intervals, of all figures under the names of the report."""
    per_class = {
        label: {name: estimate(figures[name][:, index])[part] for name in ONE_VS_REST}
        for index, label in enumerate(class_names)
    }
    return {**{name: estimate(figures[name])[part] for name in THREE_CLASS}, "one_vs_rest": per_class}


def _reasons(matrix: np.ndarray, class_names: Sequence[str]) -> dict[str, str]:
    """Say of each figure that is None why it is."""
    reasons: dict[str, str] = {}
    for index, name in enumerate(class_names):
        labelled, named, whole = matrix[index].sum(), matrix[:, index].sum(), matrix.sum()
        if not labelled:
            reasons |= {f"{name}: {figure}": NONE for figure in ("recall", "auc", "average_precision")}
        if labelled == whole:
            reasons |= {f"{name}: {figure}": ALL for figure in ("specificity", "auc")}
        if not named:
            reasons[f"{name}: precision"] = "no scan was predicted as this class"
        if not labelled and not named:
            reasons[f"{name}: f1"] = "no scan is or was predicted as this class"
    if any(key.endswith(": recall") for key in reasons):
        reasons["balanced_accuracy"] = "a class has no recall"
    if any(key.endswith(": f1") for key in reasons):
        reasons["macro_f1"] = "a class has no F1"
    return reasons


def _check(
    probabilities: np.ndarray, labels: np.ndarray, patients: Sequence[str], class_names: Sequence[str]
) -> None:
    if (
        probabilities.shape != (len(labels), len(class_names))
        or len(patients) != len(labels)
        or not len(labels)
    ):
        raise ValueError(
            f"probabilities {probabilities.shape} do not match {len(labels)} labels, "
            f"{len(patients)} patients and {len(class_names)} classes"
        )
    if not np.isin(labels, range(len(class_names))).all():
        raise ValueError(f"labels {sorted(set(labels.tolist()))} are not all below {len(class_names)}")
    worst = np.abs(probabilities.sum(axis=1) - 1).max()
    if not worst < 1e-3:
        raise ValueError(f"probabilities of a scan sum to 1 +- {worst:.3g}")
