"""What the two papers printed, and what follows from it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["published_accuracy", "published_confusion_metrics", "published_results"]


@cache
def published_results() -> dict[str, Any]:
    """Return the papers' tables as printed, each with its caveats; docs/reproduction.md explains them.

    Example:
        >>> published_results()["parl"]["five_folds_one_vs_rest_percent"]["PA-66-M"]["COVID-19"]["accuracy"]
        [93.3, 0.8]
    """
    return json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8"))


def published_accuracy(network: str) -> float:
    """Return the accuracy, %, that follows from PARL's one-vs-rest accuracies over five folds.

    A wrong prediction is counted as wrong for two of the three classes, so the errors of the three
    one-vs-rest accuracies sum to twice that of the accuracy.

    Args:
        network: as Table II names it.

    Example:
        >>> round(published_accuracy("PA-66-M"), 1)
        87.1
    """
    classes = published_results()["parl"]["five_folds_one_vs_rest_percent"][network].values()
    return (sum(metrics["accuracy"][0] for metrics in classes) - 100) / 2


def published_confusion_metrics(network: str) -> dict[str, dict[str, float]]:
    """Return the metrics, %, that follow from PARL's confusion matrix on 600 scans, by class and name.

    Args:
        network: as Fig. 6 names it; of another one nothing is known.

    Returns:
        Those of each class against the rest; the accuracy of all classes under an empty name.

    Example:
        >>> published_confusion_metrics("PA-66-M")[""]["accuracy"]
        89.7
    """
    parl = published_results()["parl"]
    if network not in parl["test_of_600_confusion"]:
        return {}
    counts = np.array(parl["test_of_600_confusion"][network])
    classes = parl["five_folds_one_vs_rest_percent"][network]
    whole = counts.sum()
    found = {"": {"accuracy": np.trace(counts) / whole}}
    for index, name in enumerate(classes):
        hit, labelled, predicted = counts[index, index], counts[index].sum(), counts[:, index].sum()
        found[name] = {
            "accuracy": (whole - labelled - predicted + 2 * hit) / whole,
            "recall": hit / labelled,
            "specificity": (whole - labelled - predicted + hit) / (whole - labelled),
            "precision": hit / predicted,
            "f1": 2 * hit / (labelled + predicted),
        }
    return {
        name: {measure: round(100 * float(value), 1) for measure, value in metrics.items()}
        for name, metrics in found.items()
    }
