"""calibration.json: the temperature and thresholds that travel beside a checkpoint."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.errors import UserError
from scripts.networks import weights_hash
from scripts.statistics import Calibration

__all__ = [
    "OtherWeights",
    "StoredCalibration",
    "calibration_file",
    "calibration_of",
    "read_calibration",
    "write_calibration",
]

logger = logging.getLogger(__name__)


class OtherWeights(UserError):
    """A calibration was fitted on the answers of another checkpoint."""


def calibration_file(ckpt_path: str | Path) -> Path:
    """Return where the calibration of a checkpoint lies: beside it."""
    return Path(ckpt_path).with_name("calibration.json")


def read_calibration(path: str | Path) -> tuple[Calibration, str | None]:
    """Read a calibration.json: the calibration, and the SHA-256 of its weights, None for an ensemble's.

    Raises:
        UserError: it is not one.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        owner = content.pop("checkpoint_sha256", None)
        return Calibration.from_json(content), owner
    except (json.JSONDecodeError, TypeError, AttributeError, OSError) as error:
        raise UserError(
            f"{path}: not a calibration that evaluation wrote ({error}); remove it, and evaluate again"
        ) from None


def write_calibration(
    calibration: Calibration, path: str | Path, ckpt_path: str | Path | None = None
) -> None:
    """Write a calibration.json.

    Args:
        calibration: what was fitted.
        path: of the file.
        ckpt_path: the weights that it belongs to; None for an ensemble.
    """
    owner = None if ckpt_path is None else weights_hash(ckpt_path)
    content = calibration.as_json() | {"checkpoint_sha256": owner}
    Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def calibration_of(ckpt_path: str | Path, path: str | Path | None = None) -> Calibration | None:
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
    stored, owner = read_calibration(path)
    if owner is not None and owner != weights_hash(ckpt_path):
        raise OtherWeights(
            f"{path}: belongs to other weights than {ckpt_path}; evaluate these to fit their own, "
            f"or remove it"
        )
    return stored


class StoredCalibration:
    """The calibration beside a checkpoint, where there is one, as the writer of predictions applies it.

    Args:
        ckpt_path: the weights.
        prior: shares of the classes where the scans come from; None leaves those of the training batches.
        path: of the calibration; None looks beside the checkpoint.
    """

    def __init__(
        self,
        ckpt_path: str | Path,
        prior: Sequence[float] | None = None,
        path: str | Path | None = None,
    ) -> None:
        if prior is not None and (min(prior) <= 0 or abs(sum(prior) - 1) > 1e-6):
            raise UserError(f"prior={list(prior)}: expected a positive share of each class, with the sum 1")
        self.ckpt_path = Path(ckpt_path)
        self.path = calibration_file(ckpt_path) if path is None else Path(path)
        self.prior = prior
        self.stored: Calibration | None = None

    def load(self) -> None:
        """Read the file, if it is there and belongs to these weights.

        Raises:
            UserError: a prior is stated, but nothing says which prior the network was trained with.
        """
        self.stored = None
        try:
            self.stored = calibration_of(self.ckpt_path, self.path)
        except OtherWeights as mistake:
            logger.warning("%s; not used", mistake)
        if self.prior is not None and self.stored is None:
            raise UserError(
                f"{self.path}: no calibration of {self.ckpt_path}, so the prior that it was trained with is "
                f"not known; evaluate the checkpoint first, or leave out --prior"
            )

    def __call__(self, probabilities: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Return the calibrated probabilities, ``(C,)``, and the classes that reach their threshold."""
        if self.stored is None:
            return probabilities, []
        above = self.stored.above_threshold(probabilities)
        return self.stored.apply(probabilities, self.prior), above

    def settings(self) -> dict[str, Any]:
        """Return what predictions.json says of it."""
        if self.stored is None:
            return {"calibration": None}
        return {"calibration": {"file": str(self.path), **self.stored.as_json(), "prior": self.prior}}
