"""What is fitted on the scans that select weights, and applied to what they say of others.

Neither paths nor tables of files: a predictor imports this and nothing heavier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scripts.errors import UserError

from .bootstrap import estimate, patient_weights
from .temperature import fit_temperature, with_prior, with_temperature

if TYPE_CHECKING:
    from .table import PredictionTable

__all__ = ["SENSITIVITY", "Calibration", "fit_calibration", "sensitivity_threshold"]

SENSITIVITY = 0.95


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
