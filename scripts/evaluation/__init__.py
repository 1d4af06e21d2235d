"""How good it is: predictions, and the figures computed from them."""

from .intervals import patient_bootstrap
from .metrics import classification_metrics
from .predictions import PredictionWriter, fail_if_refused, read_predictions
from .selection import GatheredEpochMetric, log_likelihood, macro_auc
from .summary import write_metrics
from .table import GrowingTable

__all__ = [
    "GatheredEpochMetric",
    "GrowingTable",
    "PredictionWriter",
    "classification_metrics",
    "fail_if_refused",
    "log_likelihood",
    "macro_auc",
    "patient_bootstrap",
    "read_predictions",
    "write_metrics",
]
