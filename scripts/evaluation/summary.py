"""metrics.json, from the predictions of a labelled set."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scripts.errors import UserError
from scripts.evaluation.metrics import classification_metrics
from scripts.evaluation.predictions import class_columns, read_predictions

__all__ = ["write_metrics"]


def write_metrics(output_dir: str | Path, class_names: Mapping[str, str]) -> None:
    """Compute the figures of ``predictions.csv``, write them to ``metrics.json`` and print the chief one.

    Args:
        output_dir: holds ``predictions.csv``; gains ``metrics.json``.
        class_names: ``{"0": name, ...}``.

    Raises:
        UserError: every scan was refused.
    """
    folder = Path(output_dir)
    rows = read_predictions(folder / "predictions.csv")
    answered = [row for row in rows if row["prediction"]]
    if not answered:
        raise UserError(
            f"{folder / 'predictions.csv'}: all {len(rows)} scans were refused; its column `reason` says why"
        )
    names = list(class_names.values())
    metrics = classification_metrics(
        np.array([[float(row[column]) for column in class_columns(names)] for row in answered]),
        np.array([int(row["label"]) for row in answered]),
        [row["patient"] for row in answered],
        names,
    )
    metrics["refused_scans"] = len(rows) - len(answered)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    accuracy, (low, high) = (
        metrics["three_class_accuracy"],
        metrics["three_class_accuracy_95_percent_interval"],
    )
    commonest = metrics["majority_class_accuracy"]
    print(
        f"three-class accuracy {accuracy:.3f} (95 % interval {low:.3f} to {high:.3f}), "
        f"against {commonest:.3f} for always naming the commonest class; {metrics['scans']} scans of "
        f"{metrics['patients']} patients, {metrics['refused_scans']} refused: {folder / 'metrics.json'}"
    )
