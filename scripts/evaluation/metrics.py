"""Figures of merit, all computed from one table of probabilities and labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, roc_auc_score

from scripts.evaluation.intervals import patient_bootstrap

__all__ = ["classification_metrics"]


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
        has one-vs-rest ``accuracy``, ``recall``, ``specificity``, ``precision``, ``f1`` and ``auc`` (area
        under the ROC curve). ``majority_class_accuracy`` is what always naming the commonest class scores.

    Raises:
        ValueError: shapes disagree, labels are not class indices, or rows do not sum to one.
    """
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    _check(probabilities, labels, patients, class_names)
    undefined: dict[str, str] = {}
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(labels, predicted, labels=range(len(class_names)))
    per_class = {
        name: _one_vs_rest(matrix, index, probabilities[:, index], labels, name, undefined)
        for index, name in enumerate(class_names)
    }
    right = (predicted == labels).astype(np.float64)
    return {
        "scans": len(labels),
        "patients": len(set(patients)),
        "three_class_accuracy": float(right.mean()),
        "three_class_accuracy_95_percent_interval": patient_bootstrap(
            lambda rows: right[rows].mean(), patients, seed=seed
        ),
        "balanced_accuracy": _mean([figures["recall"] for figures in per_class.values()]),
        "macro_f1": _mean([figures["f1"] for figures in per_class.values()]),
        "majority_class_accuracy": float(np.bincount(labels).max() / len(labels)),
        "one_vs_rest": per_class,
        "confusion_matrix": {"rows": "label", "columns": "prediction", "counts": matrix.tolist()},
        "undefined": undefined,
    }


def _one_vs_rest(
    matrix: np.ndarray,
    index: int,
    score: np.ndarray,
    labels: np.ndarray,
    name: str,
    undefined: dict[str, str],
) -> dict[str, float | None]:
    true_positive = matrix[index, index]
    false_negative = matrix[index].sum() - true_positive
    false_positive = matrix[:, index].sum() - true_positive
    true_negative = matrix.sum() - true_positive - false_negative - false_positive
    figures = {
        "accuracy": _ratio(true_positive + true_negative, matrix.sum()),
        "recall": _ratio(true_positive, true_positive + false_negative),
        "specificity": _ratio(true_negative, true_negative + false_positive),
        "precision": _ratio(true_positive, true_positive + false_positive),
        "f1": _ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative),
        "auc": None,
    }
    positive = labels == index
    if positive.any() and not positive.all():
        figures["auc"] = float(roc_auc_score(positive, score))
    else:
        undefined[f"{name}: auc"] = (
            "all scans are of this class" if positive.all() else "no scan is of this class"
        )
    absent = {"recall": "no scan is of this class", "specificity": "all scans are of this class"}
    absent |= {
        "precision": "no scan was predicted as this class",
        "f1": "no scan is or was predicted as this class",
    }
    undefined |= {f"{name}: {key}": why for key, why in absent.items() if figures[key] is None}
    return figures


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None where a class has no value: a mean over fewer classes is another figure."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


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
