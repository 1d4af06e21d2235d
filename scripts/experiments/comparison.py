"""Two networks on the same scans."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.datalists import CLASSES
from scripts.errors import UserError
from scripts.evaluation import patient_weights, percentile_interval, weighted_figures

from .tables import Row, arrays

__all__ = ["paired_differences"]


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
