"""Pure numbers of predictions: metrics, intervals, calibration, subgroups, baselines, and their table.

What needs pandas or scikit-learn is imported when it is first used: a predictor needs neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .bootstrap import estimate, patient_bootstrap, patient_weights, percentile_interval
from .calibration import (
    SENSITIVITY,
    Calibration,
    fit_calibration,
    fit_temperature,
    sensitivity_threshold,
    with_prior,
    with_temperature,
)
from .columns import DIGITS, class_columns, prediction_columns, raw_columns, read_predictions
from .intervals import combined, share_estimate, share_interval
from .metrics import METRICS, ONE_VS_REST, OVERALL, Metric, measure
from .ranking import held_out_auc, ranking_areas, weighted_held_out_auc
from .reliability import abstention, calibration_error, operating_point, reliability
from .subgroups import subgroup_metrics
from .summaries import classification_metrics, over_folds, paired_differences, table_metrics

if TYPE_CHECKING:
    from .baselines import (
        BASELINE_FOLDER,
        BASELINES,
        ScanFeatures,
        baseline_tables,
        compare,
        read_baselines,
        write_baselines,
    )
    from .reading_tables import check_apart, read_table
    from .table import PredictionTable, average, patient_level, pool, write_frame

__all__ = [
    "BASELINES",
    "BASELINE_FOLDER",
    "DIGITS",
    "METRICS",
    "ONE_VS_REST",
    "OVERALL",
    "SENSITIVITY",
    "Calibration",
    "Metric",
    "PredictionTable",
    "ScanFeatures",
    "abstention",
    "average",
    "baseline_tables",
    "calibration_error",
    "check_apart",
    "class_columns",
    "classification_metrics",
    "combined",
    "compare",
    "estimate",
    "fit_calibration",
    "fit_temperature",
    "held_out_auc",
    "measure",
    "operating_point",
    "over_folds",
    "paired_differences",
    "patient_bootstrap",
    "patient_level",
    "patient_weights",
    "percentile_interval",
    "pool",
    "prediction_columns",
    "ranking_areas",
    "raw_columns",
    "read_baselines",
    "read_predictions",
    "read_table",
    "reliability",
    "sensitivity_threshold",
    "share_estimate",
    "share_interval",
    "subgroup_metrics",
    "table_metrics",
    "weighted_held_out_auc",
    "with_prior",
    "with_temperature",
    "write_baselines",
    "write_frame",
]

LATER = dict.fromkeys(
    (
        "BASELINES", "BASELINE_FOLDER", "ScanFeatures", "baseline_tables", "compare", "read_baselines",
        "write_baselines",
    ),
    "baselines",
)  # fmt: skip
LATER |= dict.fromkeys(("check_apart", "read_table"), "reading_tables")
LATER |= dict.fromkeys(("PredictionTable", "average", "patient_level", "pool", "write_frame"), "table")


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{LATER[name]}", __name__), name)
