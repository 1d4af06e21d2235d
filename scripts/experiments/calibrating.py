"""The step of a cross-validation that calibrates: each fold's network, and their ensemble."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from scripts.checkpoints import CalibrationRecord, EnsembleFile, ModelFile
from scripts.statistics import Calibration, PredictionTable, fit_calibration, read_table

__all__ = ["apply_calibration", "calibrate_cross_validation"]

ENSEMBLE = "ensemble.json"
FITTED_ON = "the validation list"  # no path of this machine, for model files travel
REPORTED = ("validation.csv", "held_out.csv", "test.csv")


def calibrate_cross_validation(
    output_dir: str | Path, class_names: Sequence[str]
) -> dict[int | None, Calibration]:
    """Fit the calibrations on the scans that select, and write calibrated beside raw probabilities.

    No reported scan moves what is fitted. Done twice, it gives the same: the raw columns are what it reads.

    Args:
        output_dir: of a cross-validation whose folds are pooled. The model file of each fold's checkpoint
            gains its calibration, ``ensemble.json`` that of the mean of all; in ``validation.csv``,
            ``held_out.csv`` and ``test.csv`` of both the probabilities become calibrated ones.
        class_names: by index.

    Returns:
        By fold; None is the ensemble. Without predictions of scans that select, there is none.
    """
    output = Path(output_dir)
    fitted: dict[int | None, Calibration] = {}
    folders = sorted(output.glob("folds/[0-9]*"), key=lambda path: int(path.name))
    checkpoints = [folder / "model.pt" for folder in folders]
    described = [ModelFile.of(path) for path in checkpoints]
    for folder, path, model in zip(folders, checkpoints, described, strict=True):
        found = _fit(folder, class_names, model.training_prior)
        if found is not None:
            fitted[int(folder.name)] = found
            model.model_copy(update={"calibration": CalibrationRecord.of(found)}).write(path)
            _apply({None: found}, [folder / name for name in REPORTED], class_names)
    ensemble = _fit(output, class_names, described[0].training_prior)
    if ensemble is not None:
        fitted[None] = ensemble
    record = None if ensemble is None else CalibrationRecord.of(ensemble)
    EnsembleFile.write(output / ENSEMBLE, checkpoints, record)
    _apply({None: ensemble}, [output / "validation.csv", output / "test.csv"], class_names)
    _apply({**fitted, None: None}, [output / "held_out.csv"], class_names)
    return fitted


def apply_calibration(table: PredictionTable, folder: str | Path) -> PredictionTable:
    """Return the table calibrated as the ensemble of a folder is; as it is where there is no calibration."""
    record = EnsembleFile.read(Path(folder) / ENSEMBLE).calibration
    if record is None or not len(table):
        return table
    table = table.with_raw()
    return table.with_probabilities(record.calibration().apply(table.uncalibrated().probabilities))


def _fit(folder: Path, class_names: Sequence[str], training_prior: Sequence[float]) -> Calibration | None:
    path = folder / "validation.csv"
    table = read_table(path, class_names, may_be_all_refused=True) if path.is_file() else None
    if table is None or not len(table):
        return None
    prior = list(training_prior) or [1 / len(class_names)] * len(class_names)
    return fit_calibration(replace(table, source=FITTED_ON), class_names, prior)


def _apply(
    calibrations: Mapping[int | None, Calibration | None], paths: Sequence[Path], class_names: Sequence[str]
) -> None:
    """Write calibrated probabilities: by each row's fold, or all by the one calibration under None."""
    for path in paths:
        table = read_table(path, class_names, may_be_all_refused=True) if path.is_file() else None
        if table is None or not len(table):
            continue
        table = table.with_raw()
        raw = table.uncalibrated().probabilities
        calibrated, folds = raw.copy(), table.folds
        for fold in [None] if folds is None else np.unique(folds).tolist():
            rows = slice(None) if fold is None else folds == fold
            found = calibrations.get(fold)
            if found is not None:
                calibrated[rows] = found.apply(raw[rows])
        table.with_probabilities(calibrated).write(path)
