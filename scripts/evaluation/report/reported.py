"""The sets of scans that a run reports, each before and after calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..stored_calibration import Calibration, fit_calibration
from ..table import PredictionTable
from .run_folder import RunFolder

__all__ = ["Reported", "calibrate_run", "reported_sets"]


@dataclass(frozen=True, eq=False)
class Reported:
    """Scans that neither trained nor selected nor calibrated what answers for them.

    Attributes:
        name: of the set, in report.json.
        title: of the set, for people.
        raw: what the network said.
        calibrated: with the temperature of the checkpoint that answered; None where none was fitted.
        thresholds: of the calibrated probabilities, by class, one a scan, ``(N,)``; NaN where not defined.
        calibrations: that were used.
    """

    name: str
    title: str
    raw: PredictionTable
    calibrated: PredictionTable | None = None
    thresholds: dict[str, np.ndarray] | None = None
    calibrations: tuple[Calibration, ...] = ()

    @property
    def shown(self) -> PredictionTable:
        """The calibrated answers where there are any."""
        return self.calibrated or self.raw


def calibrate_run(
    run: RunFolder, class_names: Sequence[str], training_prior: Sequence[float]
) -> dict[int | None, Calibration]:
    """Fit the calibration of each fold's checkpoint and of their ensemble, and write them beside these.

    Args:
        run: its validation answers are fitted on, never those reported.
        class_names: one name a class.
        training_prior: shares of the classes in the training batches.

    Returns:
        By fold; None is the ensemble.
    """
    fitted: dict[int | None, Calibration] = {}
    for fold in run.folds:
        if fold.validation is not None:
            weights = fold.path / "model.pt"
            found = weights if weights.is_file() else None
            fitted[fold.number] = fit_calibration(
                fold.validation, class_names, training_prior, ckpt_path=found
            )
            fitted[fold.number].write(fold.path / "calibration.json")
    if run.validation is not None:
        fitted[None] = fit_calibration(run.validation, class_names, training_prior)
        fitted[None].write(run.path / "calibration.json")
    return fitted


def reported_sets(run: RunFolder, fitted: dict[int | None, Calibration]) -> list[Reported]:
    """Return the sets of a run, the chief one first.

    Args:
        run: what it left behind.
        fitted: of :func:`calibrate_run`.
    """
    sets = []
    if run.held_out is not None:
        sets.append(_held_out(run.held_out, fitted))
    for name, title, table in (
        ("test", "test list, ensemble of the folds", run.test),
        *((f"external_{name}", f"external set {name}", table) for name, table in run.external.items()),
    ):
        if table is not None:
            sets.append(_by_one(name, title, table, fitted.get(None)))
    if run.predictions is not None:
        table = run.predictions
        if run.stored is not None:
            calibration, prior = run.stored
            raw = table.with_probabilities(calibration.undo(table.probabilities, prior))
            sets.append(_by_one("predictions", "evaluated scans", raw, calibration))
        else:
            sets.append(Reported("predictions", "evaluated scans", table))
    return sets


def _by_one(name: str, title: str, table: PredictionTable, calibration: Calibration | None) -> Reported:
    if calibration is None:
        return Reported(name, title, table)
    calibrated = table.with_probabilities(calibration.apply(table.probabilities))
    thresholds = {
        label: np.full(len(table), found["value"], dtype=float)
        for label, found in calibration.thresholds.items()
    }
    return Reported(name, title, table, calibrated, thresholds, (calibration,))


def _held_out(table: PredictionTable, fitted: dict[int | None, Calibration]) -> Reported:
    """Calibrate each fold's scans by the temperature of the network that did not learn from them."""
    title = "held-out folds, pooled"
    folds = [] if table.folds is None else np.unique(table.folds).tolist()
    if not folds or any(fold not in fitted for fold in folds):
        return Reported("held_out", title, table)
    calibrated = table.probabilities.copy()
    thresholds = {name: np.full(len(table), np.nan) for name in fitted[folds[0]].class_names}
    for fold in folds:
        rows = table.folds == fold
        calibrated[rows] = fitted[fold].apply(table.probabilities[rows])
        for name, found in fitted[fold].thresholds.items():
            thresholds[name][rows] = np.nan if found["value"] is None else found["value"]
    used = tuple(fitted[fold] for fold in folds)
    return Reported("held_out", title, table, table.with_probabilities(calibrated), thresholds, used)
