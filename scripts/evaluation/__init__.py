"""How good it is: predictions, and the figures computed from them."""

from .intervals import patient_bootstrap
from .metrics import classification_metrics
from .predictions import PredictionWriter, class_columns, fail_if_refused, read_predictions
from .selection import log_likelihood, macro_auc
from .summary import write_metrics

__all__ = [
    "PredictionWriter",
    "class_columns",
    "classification_metrics",
    "fail_if_refused",
    "log_likelihood",
    "macro_auc",
    "patient_bootstrap",
    "read_predictions",
    "write_metrics",
]
