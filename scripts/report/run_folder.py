"""What lies in the folder of a cross-validation or an evaluation, and the sets of scans that it reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from scripts.checkpoints import EnsembleFile, ModelFile
from scripts.errors import UserError
from scripts.statistics import (
    Calibration,
    PredictionTable,
    ScanFeatures,
    check_apart,
    read_baselines,
    read_table,
)
from scripts.text_files import read_json, read_rows

__all__ = ["FoldFolder", "Reported", "RunFolder", "read_run_folder", "reported_sets"]


@dataclass(frozen=True, eq=False)
class FoldFolder:
    """One fold of a cross-validation; what the folder does not hold is None.

    Attributes:
        number: of the fold.
        path: its folder.
        validation: predictions of the scans that selected the checkpoint.
        held_out: of the scans of the fold.
        test: of the test list.
        calibration: that the run fitted on ``validation``.
        history: a row an epoch.
    """

    number: int
    path: Path
    validation: PredictionTable | None
    held_out: PredictionTable | None
    test: PredictionTable | None
    calibration: Calibration | None
    history: list[dict[str, float]]


@dataclass(frozen=True, eq=False)
class RunFolder:
    """The whole; what the folder does not hold is None or empty.

    Attributes:
        path: the folder.
        folds: of a cross-validation, in order.
        validation: predictions of the ensemble for the scans that select.
        held_out: pooled predictions of the held-out folds.
        test: predictions of the ensemble for the test list.
        test_flipped: the same, averaged over flips.
        predictions: of a plain evaluation, as written.
        calibration: of the ensemble, that the run fitted.
        stored: the calibration that the plain evaluation's predictions carry, and the stated prior.
        external: predictions of other data sets, by name.
        settings: ``run.json``, or the header of ``predictions.json`` and ``environment.json``.
        costs: seconds a scan.
        training_prior: shares of the classes in the training batches, where a calibration records them.
    """

    path: Path
    folds: list[FoldFolder]
    validation: PredictionTable | None
    held_out: PredictionTable | None
    test: PredictionTable | None
    test_flipped: PredictionTable | None
    predictions: PredictionTable | None
    calibration: Calibration | None
    stored: tuple[Calibration | None, list[float] | None]
    external: dict[str, PredictionTable] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    training_prior: list[float] | None = None


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


def read_run_folder(path: str | Path, class_names: Sequence[str]) -> RunFolder:
    """Read what a run left behind, and check that nothing was selected on what is reported.

    Args:
        path: the ``output_dir`` of a cross-validation or an evaluation.
        class_names: one name a class.

    Raises:
        UserError: a table is not as :func:`read_table` expects, or a patient is both among those who select
            or calibrate and among those reported.
    """
    folder = Path(path)
    folds = [
        _read_fold(place, class_names)
        for place in sorted((folder / "folds").glob("[0-9]*"), key=lambda place: int(place.name))
    ]
    tables = {
        name: _table(folder / f"{name}.csv", class_names)
        for name in ("validation", "held_out", "test", "test_flipped", "predictions")
    }
    check_apart([table for table in (tables["validation"], tables["test"]) if table])
    check_apart([table for table in (tables["held_out"], tables["test"]) if table])
    written = _json(folder / "predictions.json")
    stored, calibration = _stored(written), _calibration(folder / "ensemble.json")
    known = [stored[0], calibration, *(fold.calibration for fold in folds)]
    return RunFolder(
        folder,
        folds,
        **tables,
        calibration=calibration,
        stored=stored,
        external={
            file.stem.removeprefix("external_"): read_table(file, class_names)
            for file in sorted(folder.glob("external_*.csv"))
        },
        settings=_json(folder / "run.json") or _plain_settings(folder, written),
        costs=_json(folder / "costs.json"),
        training_prior=next((found.training_prior for found in known if found), None),
    )


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


def _read_fold(place: Path, class_names: Sequence[str]) -> FoldFolder:
    tables = {name: _table(place / f"{name}.csv", class_names) for name in ("validation", "held_out", "test")}
    check_apart([table for table in tables.values() if table])
    return FoldFolder(
        int(place.name),
        place,
        **tables,
        calibration=_calibration(place / "model.json"),
        history=_history(place / "history.csv"),
    )


def _table(path: Path, class_names: Sequence[str]) -> PredictionTable | None:
    return read_table(path, class_names) if path.is_file() else None


def _history(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    return [{name: float(value) for name, value in row.items() if value} for row in read_rows(path)]


def _json(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _calibration(path: Path) -> Calibration | None:
    """Return what the model file of a fold, or the file of the ensemble, holds."""
    if not path.is_file():
        return None
    found = EnsembleFile.read(path) if path.name == "ensemble.json" else ModelFile.read(path)
    return None if found.calibration is None else found.calibration.calibration()


def _stored(written: dict[str, Any]) -> tuple[Calibration | None, list[float] | None]:
    settings = written.get("settings") or {}
    content = settings.get("calibration")
    try:
        return (Calibration.from_json(content) if content else None), settings.get("prior")
    except TypeError as error:
        raise UserError(f"predictions.json: not a calibration ({error}); evaluate again") from None


def _plain_settings(folder: Path, written: dict[str, Any]) -> dict[str, Any]:
    header = {name: value for name, value in written.items() if name != "predictions"}
    return {**header, **_json(folder / "environment.json")}
