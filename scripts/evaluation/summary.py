"""metrics.json, from the predictions of a labelled set."""

import json
from collections.abc import Mapping
from pathlib import Path

from .metrics import classification_metrics
from .table import read_table

__all__ = ["write_metrics"]


def write_metrics(output_dir: str | Path, class_names: Mapping[str, str]) -> None:
    """Compute the figures of ``predictions.csv``, write them to ``metrics.json`` and print the chief one.

    Args:
        output_dir: holds ``predictions.csv``; gains ``metrics.json``.
        class_names: ``{"0": name, ...}``.

    Raises:
        UserError: every scan was refused, or the table is not as :func:`read_table` expects.
    """
    folder = Path(output_dir)
    names = list(class_names.values())
    table = read_table(folder / "predictions.csv", names)
    metrics = classification_metrics(table.probabilities, table.labels, table.patients, names)
    metrics["refused_scans"] = len(table.refused)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    accuracy, interval = (
        metrics["three_class_accuracy"],
        metrics["intervals_95_percent"]["three_class_accuracy"],
    )
    commonest = metrics["majority_class_accuracy"]
    print(
        f"three-class accuracy {accuracy:.3f} (95 % interval {interval[0]:.3f} to {interval[1]:.3f}), "
        f"against {commonest:.3f} for always naming the commonest class; {metrics['scans']} scans of "
        f"{metrics['patients']} patients, {metrics['refused_scans']} refused: {folder / 'metrics.json'}"
    )
