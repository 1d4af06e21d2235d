"""Predictions of a run: written, calibrated, summarised; and the metrics that select a checkpoint."""

from .fitting import CalibrationFitter, calibrate_once
from .predictions import PredictionWriter, fail_if_refused
from .selection import GatheredEpochMetric, log_likelihood, macro_auc
from .stored_calibration import (
    StoredCalibration,
    calibration_file,
    calibration_of,
    read_calibration,
    write_calibration,
)
from .summary import write_metrics

__all__ = [
    "CalibrationFitter",
    "GatheredEpochMetric",
    "PredictionWriter",
    "StoredCalibration",
    "calibrate_once",
    "calibration_file",
    "calibration_of",
    "fail_if_refused",
    "log_likelihood",
    "macro_auc",
    "read_calibration",
    "write_calibration",
    "write_metrics",
]
