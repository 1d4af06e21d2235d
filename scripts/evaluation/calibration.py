"""Probabilities that mean what they say: temperature, prior, and how far off they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from .intervals import estimate, patient_weights
from .table import PredictionTable

__all__ = [
    "calibration_error",
    "fit_temperature",
    "prior_weights",
    "reliability",
    "with_prior",
    "with_temperature",
]

LOWEST = 1e-7  # of a probability: predictions.csv has seven decimals
RANGE = (0.05, 20.0)  # of the temperature
BINS = 10


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logits by a temperature (Guo et al., ICML 2017); above 1 the answers become less sure.

    The logits follow from the probabilities up to a constant that softmax ignores. No prediction changes.

    Args:
        probabilities: ``(..., C)``.
        temperature: T > 0.

    Example:
        >>> with_temperature(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
        [[0.667, 0.333]]
    """
    return softmax(_logits(probabilities) / temperature, axis=-1)


def fit_temperature(
    probabilities: np.ndarray, labels: np.ndarray, prior: Sequence[float] | None = None
) -> tuple[float, bool]:
    """Find the temperature with the least cross-entropy; fit it on scans that are not reported.

    Args:
        probabilities: ``(N, C)``.
        labels: ``(N,)`` class indices.
        prior: shares of the classes that the network was trained with. Each scan then weighs as if the
            labels had these shares, so that a prior shift is not mistaken for over- or underconfidence.

    Returns:
        The temperature, and whether it stopped at an end of its range, 0.05 to 20: then all scans are
        answered rightly, or the answers are no better than chance, and its value means little.
    """
    logits = _logits(probabilities)
    weights = np.ones(len(labels)) if prior is None else prior_weights(labels, prior)
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature: float) -> float:
        chosen = log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels]
        return float(-(weights * chosen).sum() / weights.sum())

    low, high = np.log(RANGE)
    best = minimize_scalar(cross_entropy, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    at_end = min(best.x - low, high - best.x) < 0.01 or best.fun < 1e-6
    return float(np.exp(best.x)), bool(at_end)


def with_prior(probabilities: np.ndarray, trained: Sequence[float], stated: Sequence[float]) -> np.ndarray:
    """Correct probabilities for the classes' shares where they are used (Saerens et al., 2002, Eq. 4).

    Args:
        probabilities: ``(..., C)``, right where the classes have the shares ``trained``.
        trained: shares of the classes in the batches that trained the network.
        stated: shares where the scans come from.

    Example:
        >>> with_prior(np.array([0.5, 0.5]), trained=[0.5, 0.5], stated=[0.9, 0.1]).round(3).tolist()
        [0.9, 0.1]
    """
    shifted = probabilities * (np.asarray(stated) / np.asarray(trained))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def prior_weights(labels: np.ndarray, prior: Sequence[float]) -> np.ndarray:
    """Return weights of scans under which the classes that occur have the stated shares.

    Args:
        labels: ``(N,)`` class indices.
        prior: one share a class.
    """
    counts = np.bincount(labels, minlength=len(prior))
    return (np.asarray(prior) * len(labels) / np.maximum(counts, 1))[labels]


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


def calibration_error(table: PredictionTable, bins: int = BINS, seed: int = 0) -> dict[str, Any]:
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


def _logits(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), LOWEST))


def _binned(
    probabilities: np.ndarray, labels: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each scan's confidence, whether it is right, and its bin, ``(low, high]``."""
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    return confidence, right, np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1).astype(int)
