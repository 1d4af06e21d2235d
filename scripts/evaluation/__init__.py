"""How good it is: predictions, the figures computed from them, and the report that shows them."""

from .calibration import calibration_error, fit_temperature, reliability, with_prior, with_temperature
from .folds import over_folds
from .intervals import estimate, patient_bootstrap, patient_weights, percentile_interval
from .metrics import classification_metrics, weighted_figures
from .published import published_figures, published_three_class_accuracy
from .report import write_report
from .selection import GatheredEpochMetric, log_likelihood, macro_auc
from .stored_calibration import Calibration, calibration_file, fit_calibration
from .summary import write_metrics
from .table import PredictionTable, check_apart, patient_level, read_table
from .table_file import class_columns, read_predictions

__all__ = [
    "Calibration",
    "GatheredEpochMetric",
    "PredictionTable",
    "calibration_error",
    "calibration_file",
    "check_apart",
    "class_columns",
    "classification_metrics",
    "estimate",
    "fit_calibration",
    "fit_temperature",
    "log_likelihood",
    "macro_auc",
    "over_folds",
    "patient_bootstrap",
    "patient_level",
    "patient_weights",
    "percentile_interval",
    "published_figures",
    "published_three_class_accuracy",
    "read_predictions",
    "read_table",
    "reliability",
    "weighted_figures",
    "with_prior",
    "with_temperature",
    "write_metrics",
    "write_report",
]
