"""calibration.json: the temperature and thresholds that travel beside a checkpoint."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scripts.errors import UserError
from scripts.networks import weights_hash

from .calibration import fit_temperature, with_prior, with_temperature
from .table import PredictionTable
from .thresholds import sensitivity_threshold

__all__ = ["Calibration", "OtherWeights", "calibration_file", "fit_calibration"]

SENSITIVITY = 0.95


class OtherWeights(UserError):
    """A calibration was fitted on the answers of another checkpoint."""


@dataclass(frozen=True)
class Calibration:
    """What was fitted on the scans that select a checkpoint.

    Attributes:
        class_names: whose probabilities it is for, in order.
        temperature: that the logits are divided by.
        at_end_of_range: the fit stopped at an end of its range, so the temperature means little.
        training_prior: shares of the classes in the batches that trained the network.
        sensitivity: that the thresholds were chosen for.
        thresholds: for each class, of its calibrated probability before a correction of the prior:
            ``value`` and ``interval_95_percent``.
        fitted_on: ``source``, ``scans`` and ``patients``.
        checkpoint_sha256: of the weights it belongs to; None for an ensemble.
    """

    class_names: list[str]
    temperature: float
    at_end_of_range: bool
    training_prior: list[float]
    sensitivity: float
    thresholds: dict[str, dict[str, Any]]
    fitted_on: dict[str, Any]
    checkpoint_sha256: str | None = None

    @classmethod
    def read(cls, path: str | Path) -> "Calibration":
        """Read a calibration.json.

        Raises:
            UserError: it is not one.
        """
        try:
            return cls(**json.loads(Path(path).read_text()))
        except (json.JSONDecodeError, TypeError, OSError) as error:
            raise UserError(
                f"{path}: not a calibration that evaluation wrote ({error}); remove it, and evaluate again"
            ) from None

    @classmethod
    def of(cls, ckpt_path: str | Path, path: str | Path | None = None) -> "Calibration | None":
        """Read the calibration of a checkpoint.

        Args:
            ckpt_path: the weights.
            path: of the calibration; None looks beside the checkpoint.

        Returns:
            None where there is no such file.

        Raises:
            UserError: it is no calibration.
            OtherWeights: it belongs to other weights. An ensemble's belongs to none, and is read.
        """
        path = calibration_file(ckpt_path) if path is None else Path(path)
        if not path.is_file():
            return None
        stored = cls.read(path)
        owner = stored.checkpoint_sha256
        if owner is not None and owner != weights_hash(ckpt_path):
            raise OtherWeights(
                f"{path}: belongs to other weights than {ckpt_path}; evaluate these to fit their own, "
                f"or remove it"
            )
        return stored

    def write(self, path: str | Path) -> None:
        """Write it as JSON."""
        Path(path).write_text(json.dumps(asdict(self), indent=2) + "\n")

    def apply(self, probabilities: np.ndarray, prior: Sequence[float] | None = None) -> np.ndarray:
        """Return calibrated probabilities, corrected for the shares of the classes where these are stated."""
        calibrated = with_temperature(probabilities, self.temperature)
        return calibrated if prior is None else with_prior(calibrated, self.training_prior, prior)

    def undo(self, probabilities: np.ndarray, prior: Sequence[float] | None = None) -> np.ndarray:
        """Return what the network said, up to the decimals lost on the way."""
        if prior is not None:
            probabilities = with_prior(probabilities, prior, self.training_prior)
        return with_temperature(probabilities, 1 / self.temperature)


def calibration_file(ckpt_path: str | Path) -> Path:
    """Return where the calibration of a checkpoint lies: beside it."""
    return Path(ckpt_path).with_name("calibration.json")


def fit_calibration(
    table: PredictionTable,
    class_names: Sequence[str],
    training_prior: Sequence[float],
    sensitivity: float = SENSITIVITY,
    ckpt_path: str | Path | None = None,
) -> Calibration:
    """Fit the temperature, then the thresholds of the calibrated probabilities.

    Args:
        table: uncalibrated answers for scans that are never reported: those that selected the checkpoint.
        class_names: one name a class.
        training_prior: shares of the classes in the training batches.
        sensitivity: that each class's threshold should reach.
        ckpt_path: the weights; None for an ensemble.
    """
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
        checkpoint_sha256=None if ckpt_path is None else weights_hash(ckpt_path),
    )
