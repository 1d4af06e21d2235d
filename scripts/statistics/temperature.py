"""Probabilities that mean what they say: a temperature for the logits, and the prior of the classes."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

__all__ = ["LOWEST", "fit_temperature", "prior_weights", "with_prior", "with_temperature"]

LOWEST = 1e-7  # of a probability: what a network says below is no evidence
RANGE = (0.05, 20.0)  # of the temperature


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logits by a temperature (Guo et al., ICML 2017); above 1 the network becomes less confident.

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
        The temperature, and whether it stopped at an end of its range, 0.05 to 20: then all predictions are
        right, or they are no better than chance, and its value means little.
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


def _logits(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), LOWEST))
