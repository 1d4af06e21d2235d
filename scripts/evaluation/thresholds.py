"""Where to draw the line: thresholds for a sensitivity, abstention, predictive values at a prevalence."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.errors import UserError

from .intervals import estimate, patient_weights, ratio
from .table import PredictionTable

__all__ = ["abstention", "operating_point", "sensitivity_threshold"]

CONFIDENCES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def sensitivity_threshold(
    table: PredictionTable, index: int, sensitivity: float, seed: int = 0
) -> dict[str, Any]:
    """Find the highest threshold at which a class is still found with the stated sensitivity.

    A scan is called positive when the probability of the class is at or above the threshold.

    Args:
        table: of scans that are not reported (the validation list).
        index: of the class.
        sensitivity: above 0, at most 1.
        seed: of the bootstrap.

    Returns:
        ``value`` and ``interval_95_percent``, both None with a ``reason`` where no scan is of the class.

    Raises:
        UserError: the sensitivity is not a share.
    """
    if not 0 < sensitivity <= 1:
        raise UserError(f"sensitivity={sensitivity}: expected a share above 0 and at most 1, such as 0.95")
    positive = table.labels == index
    if not positive.any():
        reason = f"no scan of {table.source} is of this class"
        return {"value": None, "interval_95_percent": None, "reason": reason}
    scores = table.probabilities[positive, index]
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(patient_weights(table.patients, seed=seed)[:, positive][:, order], axis=1)
    enough = found >= sensitivity * found[:, -1:] * (1 - 1e-6)
    chosen = np.where(found[:, -1] > 0, scores[order][enough.argmax(axis=1)], np.nan)
    return estimate(chosen)


def operating_point(
    table: PredictionTable, index: int, threshold: float | np.ndarray, prevalence: float, seed: int = 0
) -> dict[str, Any]:
    """Report what a threshold that was fitted elsewhere does on these scans.

    Args:
        table: of the scans that are reported.
        index: of the class.
        threshold: of its probability; or one a scan, ``(N,)``, where several networks answered.
        prevalence: share of the class among those who would be scanned, 0 to 1; by Bayes' rule it makes the
            predictive values of sensitivity and specificity.
        seed: of the bootstrap.

    Returns:
        ``sensitivity``, ``specificity``, ``ppv`` and ``npv`` at the prevalence, each with ``value`` and
        ``interval_95_percent``; None where the scans do not define them.
    """
    positive = table.labels == index
    called = table.probabilities[:, index] >= threshold
    weights = patient_weights(table.patients, seed=seed)
    sensitivity = _share(weights, positive & called, positive)
    specificity = _share(weights, ~positive & ~called, ~positive)
    found, missed = prevalence * sensitivity, prevalence * (1 - sensitivity)
    alarms, cleared = (1 - prevalence) * (1 - specificity), (1 - prevalence) * specificity
    values = {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": ratio(found, found + alarms),
        "npv": ratio(cleared, cleared + missed),
    }
    return {"prevalence": prevalence, **{name: estimate(each) for name, each in values.items()}}


def abstention(
    table: PredictionTable, confidences: Sequence[float] = CONFIDENCES, seed: int = 0
) -> list[dict[str, Any]]:
    """Report the three-class accuracy of the scans that remain when unsure answers are withheld.

    Args:
        table: of the scans that are reported.
        confidences: an answer is withheld when its highest probability is below.
        seed: of the bootstrap.

    Returns:
        For each: ``below``, ``answered`` (share of the scans) and ``three_class_accuracy`` of those.
    """
    weights = patient_weights(table.patients, seed=seed)
    right = table.probabilities.argmax(axis=1) == table.labels
    everyone = np.ones(len(table), dtype=bool)
    rows = []
    for confidence in confidences:
        sure = table.probabilities.max(axis=1) >= confidence
        rows.append(
            {
                "below": float(confidence),
                "answered": estimate(_share(weights, sure, everyone)),
                "three_class_accuracy": estimate(_share(weights, sure & right, sure)),
            }
        )
    return rows


def _share(weights: np.ndarray, part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return ratio(*((weights @ which.astype(np.float32)).astype(np.float64) for which in (part, whole)))
