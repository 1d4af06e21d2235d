"""What is fitted on the scans that select weights, and applied to what they say of others.

A temperature of the logits, the prior of the classes, and thresholds. Neither paths nor tables of files: a
predictor imports this and nothing heavier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from scripts.errors import UserError

from .bootstrap import estimate, patient_weights

if TYPE_CHECKING:
    from .table import PredictionTable

__all__ = [
    "LOWEST",
    "SENSITIVITY",
    "Calibration",
    "fit_calibration",
    "fit_temperature",
    "sensitivity_threshold",
    "with_prior",
    "with_temperature",
]

SENSITIVITY = 0.95
LOWEST = 1e-7  # of a probability: what a network says below is no evidence
RANGE = (0.05, 20.0)  # of the temperature


@dataclass(frozen=True)
class Calibration:
    """What was fitted on the scans that selected the weights.

    Attributes:
        class_names: whose probabilities it is for, in order.
        temperature: that the logits are divided by.
        at_end_of_range: the fit stopped at an end of its range, so the temperature means little.
        training_prior: shares of the classes in the batches that trained the network.
        sensitivity: that the thresholds were chosen for.
        thresholds: for each class, of its calibrated probability before a correction of the prior:
            ``value`` and ``interval_95_percent``.
        fitted_on: ``source``, ``scans`` and ``patients``.
    """

    class_names: list[str]
    temperature: float
    at_end_of_range: bool
    training_prior: list[float]
    sensitivity: float
    thresholds: dict[str, dict[str, Any]]
    fitted_on: dict[str, Any]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Calibration":
        """Undo :meth:`as_json`.

        Raises:
            TypeError: a field is missing, or unknown.
        """
        return cls(**content)

    def as_json(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return asdict(self)

    def apply(self, raw: np.ndarray, prior: Sequence[float] | None = None) -> np.ndarray:
        """Return calibrated probabilities, corrected for the shares of the classes where these are stated.

        Args:
            raw: as the network said them, ``(..., C)``.
            prior: shares of the classes where the scans come from.
        """
        calibrated = with_temperature(raw, self.temperature)
        return calibrated if prior is None else with_prior(calibrated, self.training_prior, prior)

    def above_threshold(self, raw: np.ndarray) -> list[str]:
        """Return the classes whose calibrated probability, before any prior, reaches its threshold.

        Args:
            raw: of one scan, as the network said them, ``(C,)``.
        """
        limits = [self.thresholds[name]["value"] for name in self.class_names]
        return [
            name
            for name, value, limit in zip(self.class_names, self.apply(raw), limits, strict=True)
            if limit is not None and value >= limit
        ]


def fit_calibration(
    table: "PredictionTable",
    class_names: Sequence[str],
    training_prior: Sequence[float],
    sensitivity: float = SENSITIVITY,
) -> Calibration:
    """Fit the temperature, then the thresholds of the calibrated probabilities.

    Args:
        table: of scans that are never reported: those that selected the weights. Its raw probabilities are
            taken; without raw columns its probabilities are the network's own.
        class_names: C names.
        training_prior: shares of the classes in the training batches.
        sensitivity: that each class's threshold should reach.
    """
    table = table.uncalibrated()
    temperature, at_end = fit_temperature(table.probabilities, table.labels, training_prior)
    calibrated = table.with_probabilities(with_temperature(table.probabilities, temperature))
    return Calibration(
        class_names=list(class_names),
        temperature=temperature,
        at_end_of_range=at_end,
        training_prior=[float(share) for share in training_prior],
        sensitivity=float(sensitivity),
        thresholds={
            name: sensitivity_threshold(calibrated, index, sensitivity)
            for index, name in enumerate(class_names)
        },
        fitted_on={"source": table.source, "scans": len(table), "patients": len(set(table.patients))},
    )


def sensitivity_threshold(
    table: "PredictionTable", index: int, sensitivity: float, seed: int = 0
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
