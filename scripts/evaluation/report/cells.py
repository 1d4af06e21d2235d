"""Numbers as the tables of the report show them."""

from collections.abc import Mapping
from typing import Any

__all__ = ["JOIN", "ONE_VS_REST", "THREE_CLASS", "counts_of", "metric", "spread", "with_interval"]

THREE_CLASS = {
    "three_class_accuracy": "three-class accuracy",
    "balanced_accuracy": "balanced accuracy (mean recall)",
    "macro_f1": "macro F1",
}
JOIN = "\N{NO-BREAK SPACE}"
ONE_VS_REST = {
    "accuracy": "accuracy",
    "recall": "recall",
    "specificity": "specificity",
    "precision": "precision",
    "f1": "F1",
    "auc": "AUC",
    "average_precision": "average precision",
}


def with_interval(found: Mapping[str, Any] | None) -> str | None:
    """Return a figure and its interval as text.

    The spaces within the brackets do not break.

    Example:
        >>> with_interval({"value": 0.5, "interval_95_percent": [0.41, 0.6]}).replace(JOIN, " ")
        '0.500 (0.410 to 0.600)'
    """
    if found is None or found["value"] is None:
        return None
    interval = found["interval_95_percent"]
    value = f"{found['value']:.3f}"
    return value if interval is None else f"{value} ({interval[0]:.3f}{JOIN}to{JOIN}{interval[1]:.3f})"


def metric(metrics: Mapping[str, Any], name: str, label: str | None = None) -> str | None:
    """Return a figure of the metrics, of one class where it is named, and its interval."""
    parts = (metrics, metrics["intervals_95_percent"])
    value, interval = (part[name] if label is None else part["one_vs_rest"][label][name] for part in parts)
    return with_interval({"value": value, "interval_95_percent": interval})


def spread(found: Mapping[str, Any]) -> str | None:
    """Return mean ± standard deviation."""
    if found["mean"] is None:
        return None
    deviation = found["standard_deviation"]
    return f"{found['mean']:.3f}" + ("" if deviation is None else f"{JOIN}±{JOIN}{deviation:.3f}")


def counts_of(found: Mapping[str, int]) -> str:
    """Return how many there are of each, the first six."""
    shown = [f"{count} {name}" for name, count in list(found.items())[:6]]
    return ", ".join(shown) + (f" and {len(found) - 6} more" if len(found) > 6 else "")
