"""What the two papers published, to stand beside a user's own figures."""

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["published_figures", "published_three_class_accuracy"]


@cache
def published_figures() -> dict[str, Any]:
    """Return the papers' tables as printed, each with its caveats; docs/reproduction.md explains them.

    Example:
        >>> published_figures()["parl"]["five_folds_one_vs_rest_percent"]["PA-66-M"]["COVID-19"]["accuracy"]
        [93.3, 0.8]
    """
    return json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8"))


def published_three_class_accuracy(network: str) -> float:
    """Return the three-class accuracy, %, that follows from PARL's one-vs-rest accuracies over five folds.

    A wrong answer is counted as wrong for two of the three classes, so the errors of the three one-vs-rest
    accuracies sum to twice that of the three-class accuracy.

    Args:
        network: as Table II names it.

    Example:
        >>> round(published_three_class_accuracy("PA-66-M"), 1)
        87.1
    """
    classes = published_figures()["parl"]["five_folds_one_vs_rest_percent"][network].values()
    return (sum(figures["accuracy"][0] for figures in classes) - 100) / 2
