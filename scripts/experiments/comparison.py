"""Two networks on the same scans, and one network on several folds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scripts.datalists import CLASSES
from scripts.errors import UserError
from scripts.evaluation import patient_weights, percentile_interval, weighted_figures

from .tables import Row, arrays

__all__ = ["mean_and_deviation", "paired_differences"]


def mean_and_deviation(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return mean and standard deviation over folds of every figure, as the papers print them.

    Args:
        figures: of each fold, as ``classification_metrics`` returns them.

    Returns:
        The same names; each value is ``[mean, deviation]`` (with n - 1), ``[None, None]`` where a fold does
        not define the figure. The confusion matrices are added up.
    """
    first = figures[0]
    three_class = ("three_class_accuracy", "balanced_accuracy", "macro_f1")
    summary: dict[str, Any] = {name: _spread([fold[name] for fold in figures]) for name in three_class}
    summary["one_vs_rest"] = {
        label: {
            measure: _spread([fold["one_vs_rest"][label][measure] for fold in figures])
            for measure in measures
        }
        for label, measures in first["one_vs_rest"].items()
    }
    summary["confusion_matrix"] = {
        **first["confusion_matrix"],
        "counts": sum(np.array(fold["confusion_matrix"]["counts"]) for fold in figures).tolist(),  # type: ignore[union-attr]
    }
    return summary


def paired_differences(rows: Sequence[Row], reference: Sequence[Row]) -> dict[str, Any]:
    """Return by how much one network's figures exceed another's on the same scans.

    Both are computed on the same bootstrap samples of patients, so that what makes a sample easy for both
    cancels.

    Args:
        rows: predictions of the network.
        reference: predictions of the other for the same scans.

    Returns:
        For each figure ``difference`` and ``interval``, 95 %, or None where too few samples define it.

    Raises:
        UserError: the two tables are not of the same scans.
    """
    mine, theirs = ({row["image"]: row for row in table if row["prediction"]} for table in (rows, reference))
    if mine.keys() != theirs.keys():
        astray = sorted(mine.keys() ^ theirs.keys())
        raise UserError(f"the networks did not answer for the same scans: {astray[0]} is missing from one")
    tables = [arrays([table[image] for image in sorted(mine)]) for table in (mine, theirs)]
    weights = patient_weights(tables[0][2])
    ours, other = (weighted_figures(values, labels, weights) for values, labels, _ in tables)
    found = {}
    for measure in ("three_class_accuracy", "balanced_accuracy", "macro_f1"):
        found[measure] = _difference(ours[measure] - other[measure])
    for measure in ("recall", "specificity", "auc"):
        for index, label in enumerate(CLASSES):
            found[f"{label}: {measure}"] = _difference(ours[measure][:, index] - other[measure][:, index])
    return found


def _difference(values: np.ndarray) -> dict[str, Any]:
    value = None if np.isnan(values[0]) else float(values[0])
    return {"difference": value, "interval": percentile_interval(values[1:])}


def _spread(values: Sequence[float | None]) -> list[float | None]:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return [None, None]
    return [float(np.mean(known)), float(np.std(known, ddof=1))]
