"""The papers' form: mean and standard deviation over folds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["over_folds"]

FIGURES = ("three_class_accuracy", "balanced_accuracy", "macro_f1")


def over_folds(metrics: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and standard deviation (of a sample: divided by n - 1) of each figure over the folds.

    Args:
        metrics: of :func:`classification_metrics`, one a fold.

    Returns:
        The figures by name, each with ``mean``, ``standard_deviation`` and ``folds`` (how many define it; the
        standard deviation of fewer than two is None).

    Example:
        >>> over_folds([{"three_class_accuracy": 0.5}, {"three_class_accuracy": 1.0}])["three_class_accuracy"]
        {'mean': 0.75, 'standard_deviation': 0.3535533905932738, 'folds': 2}
    """
    result: dict[str, Any] = {
        name: _spread([each[name] for each in metrics]) for name in FIGURES if name in metrics[0]
    }
    classes = metrics[0].get("one_vs_rest", {})
    result["one_vs_rest"] = {
        label: {name: _spread([each["one_vs_rest"][label][name] for each in metrics]) for name in figures}
        for label, figures in classes.items()
    }
    return result


def _spread(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    return {
        "mean": float(np.mean(known)) if known else None,
        "standard_deviation": float(np.std(known, ddof=1)) if len(known) > 1 else None,
        "folds": len(known),
    }
