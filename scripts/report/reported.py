"""The sets of scans that a run reports, each with what the run recorded of its calibration."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from scripts.statistics import Calibration, PredictionTable, ScanFeatures, read_baselines

from .run_folder import RunFolder

__all__ = ["Reported", "reported_sets"]


@dataclass(frozen=True, eq=False)
class Reported:
    """Scans that neither trained nor selected nor calibrated what predicts them.

    Attributes:
        name: of the set, in report.json.
        title: of the set, for people.
        table: as the run wrote it.
        raw: what the networks said; None where the run does not hold it apart.
        calibrated: by temperature, before a correction of the prior; None where that is not known.
        thresholds: of the calibrated probabilities, by class, one a scan, ``(N,)``; NaN where not defined.
        calibrations: that were used.
        baselines: what these predict for the same scans, as far as the run let them.
        features: of the scans, by name, as far as the run measured them.
    """

    name: str
    title: str
    table: PredictionTable
    raw: PredictionTable | None = None
    calibrated: PredictionTable | None = None
    thresholds: Mapping[str, np.ndarray] | None = None
    calibrations: tuple[Calibration, ...] = ()
    baselines: Mapping[str, PredictionTable] = field(default_factory=dict)
    features: Mapping[str, ScanFeatures] = field(default_factory=dict)


def reported_sets(run: RunFolder) -> list[Reported]:
    """Return the sets of a run, the chief one first.

    Args:
        run: what it left behind.
    """
    by_fold = {fold.number: fold.calibration for fold in run.folds if fold.calibration is not None}
    sets = []
    if run.held_out is not None:
        sets.append(_held_out(run.held_out, by_fold))
    for name, title, part in (
        ("test", "test list, ensemble of the folds", run.test),
        *((f"external_{name}", f"external set {name}", table) for name, table in run.external.items()),
    ):
        if part is not None:  # without raw columns it was written before anything calibrated it
            sets.append(_by_one(name, title, part, run.calibration if part.raw is not None else None))
    if run.predictions is not None:
        calibration, prior = run.stored
        sets.append(_by_one("predictions", "evaluated scans", run.predictions, calibration, prior))
    return [_with_baselines(each, run) for each in sets]


def _with_baselines(reported: Reported, run: RunFolder) -> Reported:
    baselines, features = read_baselines(run.path, reported.name, reported.table)
    return replace(reported, baselines=baselines, features=features)


def _by_one(
    name: str,
    title: str,
    table: PredictionTable,
    calibration: Calibration | None,
    prior: list[float] | None = None,
) -> Reported:
    if calibration is None:
        return Reported(name, title, table, table)
    raw = table.uncalibrated() if table.raw is not None else None
    if prior is None:
        calibrated: PredictionTable | None = table
    else:  # the probabilities as written are corrected for it already
        calibrated = raw and raw.with_probabilities(calibration.apply(raw.probabilities))
    thresholds = {
        label: np.full(len(table), np.nan if found["value"] is None else found["value"])
        for label, found in calibration.thresholds.items()
    }
    return Reported(name, title, table, raw, calibrated, thresholds, (calibration,))


def _held_out(table: PredictionTable, by_fold: Mapping[int, Calibration]) -> Reported:
    """Gather what calibrated each fold's scans: the network that was not trained on them."""
    title = "held-out folds, pooled"
    folds = [] if table.folds is None else np.unique(table.folds).tolist()
    if not folds or table.raw is None or any(fold not in by_fold for fold in folds):
        return Reported("held_out", title, table, table.uncalibrated())
    thresholds = {name: np.full(len(table), np.nan) for name in table.class_names}
    for fold in folds:
        for name, found in by_fold[fold].thresholds.items():
            if found["value"] is not None:
                thresholds[name][table.folds == fold] = found["value"]
    used = tuple(by_fold[fold] for fold in folds)
    return Reported("held_out", title, table, table.uncalibrated(), table, thresholds, used)
