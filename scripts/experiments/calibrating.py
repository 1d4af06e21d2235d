"""The step of a cross-validation that calibrates: each fold's network, and their ensemble."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.bundle import ConfigParser

from scripts.evaluation import read_calibration, write_calibration
from scripts.statistics import Calibration, PredictionTable, fit_calibration, read_table

__all__ = ["apply_calibration", "calibrate_cross_validation", "training_prior"]

CALIBRATION = "calibration.json"
REPORTED = ("validation.csv", "held_out.csv", "test.csv")


def calibrate_cross_validation(
    output_dir: str | Path, class_names: Sequence[str], training_prior: Sequence[float]
) -> dict[int | None, Calibration]:
    """Fit the calibrations on the scans that select, and write calibrated beside raw probabilities.

    No reported scan moves what is fitted. Done twice, it gives the same: the raw columns are what it reads.

    Args:
        output_dir: of a cross-validation whose folds are pooled. Each fold gains ``calibration.json`` beside
            its checkpoint, and ``output_dir`` that of the ensemble; in ``validation.csv``, ``held_out.csv``
            and ``test.csv`` of both the probabilities become calibrated ones.
        class_names: by index.
        training_prior: shares of the classes in the training batches.

    Returns:
        By fold; None is the ensemble. Without predictions of scans that select, there is none.
    """
    output = Path(output_dir)
    fitted: dict[int | None, Calibration] = {}
    for folder in sorted(output.glob("folds/[0-9]*"), key=lambda path: int(path.name)):
        found = _fit(folder, class_names, training_prior, folder / "model.pt")
        if found is not None:
            fitted[int(folder.name)] = found
            _apply({None: found}, [folder / name for name in REPORTED], class_names)
    ensemble = _fit(output, class_names, training_prior)
    if ensemble is not None:
        fitted[None] = ensemble
    _apply({None: ensemble}, [output / "validation.csv", output / "test.csv"], class_names)
    _apply({**fitted, None: None}, [output / "held_out.csv"], class_names)
    return fitted


def apply_calibration(table: PredictionTable, folder: str | Path) -> PredictionTable:
    """Return the table calibrated as the ensemble of a folder is; as it is where there is no calibration."""
    path = Path(folder) / CALIBRATION
    if not path.is_file() or not len(table):
        return table
    table = table.with_raw()
    return table.with_probabilities(read_calibration(path)[0].apply(table.uncalibrated().probabilities))


def training_prior(output_dir: str | Path, items: Sequence[Mapping[str, Any]], classes: int) -> list[float]:
    """Return the shares of the classes in the training batches: of balanced ones as a fold's config has them.

    Args:
        output_dir: of the cross-validation.
        items: of the training list, whose shares they are where batches are not balanced.
        classes: their number.
    """
    for file in sorted(Path(output_dir).glob("folds/*/config.yaml")):
        sampler = ConfigParser.load_config_file(file).get("batch_sampler") or {}
        counts = sampler.get("counts")
        if isinstance(counts, Sequence) and len(counts) == classes:
            return [count / sum(counts) for count in counts]
    labels = np.bincount([item["label"] for item in items], minlength=classes)
    counts = np.maximum(labels, 1)  # no share is zero
    return (counts / counts.sum()).tolist()


def _fit(
    folder: Path, class_names: Sequence[str], prior: Sequence[float], weights: Path | None = None
) -> Calibration | None:
    path = folder / "validation.csv"
    table = read_table(path, class_names, may_be_all_refused=True) if path.is_file() else None
    if table is None or not len(table):
        return None
    fitted = fit_calibration(table, class_names, prior)
    write_calibration(
        fitted, folder / CALIBRATION, weights if weights is not None and weights.is_file() else None
    )
    return fitted


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
