"""What the two papers published, to stand beside a user's own metrics."""

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["published_accuracy", "published_results"]


@cache
def published_results() -> dict[str, Any]:
    """Return the papers' tables as printed, each with its caveats; docs/reproduction.md explains them.

    Example:
        >>> published_results()["parl"]["five_folds_one_vs_rest_percent"]["PA-66-M"]["COVID-19"]["accuracy"]
        [93.3, 0.8]
    """
    return json.loads(Path(__file__).with_name("published.json").read_text())


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
