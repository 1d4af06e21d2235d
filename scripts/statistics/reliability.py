"""How far probabilities can be trusted: calibration errors, operating points, abstention."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .bootstrap import estimate, patient_weights
from .calibration import LOWEST
from .intervals import predictive_value, share_estimate

if TYPE_CHECKING:
    from .table import PredictionTable

__all__ = ["abstention", "calibration_error", "operating_point", "reliability"]

BINS = 10
CONFIDENCES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> list[dict[str, Any]]:
    """Compare confidence with accuracy, in bins of equal width of the highest probability.

    Args:
        probabilities: ``(N, C)``.
        labels: ``(N,)`` class indices.
        bins: number of bins over 0 to 1.

    Returns:
        For each bin that holds a scan: ``low``, ``high``, ``scans``, mean ``confidence`` and ``accuracy``.
    """
    confidence, right, place = _binned(probabilities, labels, bins)
    return [
        {
            "low": index / bins,
            "high": (index + 1) / bins,
            "scans": int(inside.sum()),
            "confidence": float(confidence[inside].mean()),
            "accuracy": float(right[inside].mean()),
        }
        for index in range(bins)
        if (inside := place == index).any()
    ]


def calibration_error(table: "PredictionTable", bins: int = BINS, seed: int = 0) -> dict[str, Any]:
    """Compute the expected calibration error, the Brier score and the cross-entropy.

    ECE (Guo et al., 2017, Eq. 3): the mean gap between confidence and accuracy over the bins of
    :func:`reliability`, weighted by their scans. Brier (1950): the mean over the scans of the sum over the
    classes of (probability - truth) squared, 0 to 2.

    Args:
        table: of the scans that are reported.
        bins: of the ECE.
        seed: of the bootstrap.

    Returns:
        ``ece``, ``brier``, ``cross_entropy``, each with ``value`` and ``interval_95_percent``.
    """
    probabilities, labels = table.probabilities, table.labels
    confidence, right, place = _binned(probabilities, labels, bins)
    weights = patient_weights(table.patients, seed=seed)
    inside = np.eye(bins, dtype=np.float32)[place] * (right - confidence).astype(np.float32)[:, None]
    whole = weights.sum(axis=1)
    brier = ((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(axis=1)
    chosen = np.maximum(probabilities[np.arange(len(labels)), labels], LOWEST)
    values = {
        "ece": np.abs(weights @ inside).sum(axis=1) / whole,
        "brier": weights @ brier / whole,
        "cross_entropy": weights @ -np.log(chosen) / whole,
    }
    return {name: estimate(each) for name, each in values.items()}


def operating_point(
    table: "PredictionTable", index: int, threshold: float | np.ndarray, prevalence: float
) -> dict[str, Any]:
    """Report what a threshold that was fitted elsewhere does on these scans.

    Args:
        table: of the scans that are reported.
        index: of the class.
        threshold: of its probability; or one a scan, ``(N,)``, where several networks predicted.
        prevalence: share of the class among those who would be scanned, 0 to 1; by Bayes' rule it makes the
            predictive values of sensitivity and specificity.

    Returns:
        ``sensitivity``, ``specificity``, ``ppv`` and ``npv`` at the prevalence, each with ``value`` and
        ``interval_95_percent``; None where the scans do not define them.
    """
    positive = table.labels == index
    called = table.probabilities[:, index] >= threshold

    def among(part: np.ndarray, whole: np.ndarray) -> dict[str, Any]:
        return share_estimate(part, whole, table.patients)

    found, missed = among(called, positive), among(~called, positive)
    cleared, alarmed = among(~called, ~positive), among(called, ~positive)
    return {
        "prevalence": prevalence,
        "sensitivity": found,
        "specificity": cleared,
        "ppv": predictive_value(alarmed, found, prevalence),
        "npv": predictive_value(missed, cleared, 1 - prevalence),
    }


def abstention(table: "PredictionTable", confidences: Sequence[float] = CONFIDENCES) -> list[dict[str, Any]]:
    """Report the accuracy of the scans that remain when the network abstains from the least confident.

    Args:
        table: of the scans that are reported.
        confidences: abstention thresholds: a scan whose highest probability is below has no prediction.

    Returns:
        For each: ``threshold``, ``predicted`` (share of the scans) and ``accuracy`` of those.
    """
    right = table.probabilities.argmax(axis=1) == table.labels
    everyone = np.ones(len(table), dtype=bool)
    rows = []
    for confidence in confidences:
        sure = table.probabilities.max(axis=1) >= confidence
        rows.append(
            {
                "threshold": float(confidence),
                "predicted": share_estimate(sure, everyone, table.patients),
                "accuracy": share_estimate(right, sure, table.patients),
            }
        )
    return rows


def _binned(
    probabilities: np.ndarray, labels: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each scan's confidence, whether it is right, and its bin, ``(low, high]``."""
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    return confidence, right, np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1).astype(int)
