"""Percentile bootstrap over patients, for what is no share and no area: errors, thresholds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["estimate", "patient_bootstrap", "patient_weights", "percentile_interval"]

RESAMPLES = 2000
DEFINED = 0.95  # share of the resamples that must define a metric for it to have an interval


def patient_bootstrap(
    statistic: Callable[[np.ndarray], float],
    patients: Sequence[str],
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> list[float] | None:
    """Return a percentile bootstrap interval that resamples patients, not scans.

    Scans of one patient are not independent: resampling them one by one makes the interval too narrow.
    For metrics that take weights, :func:`patient_weights` does the same without a loop.

    Args:
        statistic: maps row indices (with repeats) to the metric.
        patients: whose scan each row is.
        resamples: number of bootstrap samples.
        level: confidence level.
        seed: of the resampling.

    Returns:
        ``[low, high]``, or None as :func:`percentile_interval` says.

    Example:
        >>> right = np.array([1.0] * 8 + [0.0] * 2)
        >>> patient_bootstrap(lambda rows: right[rows].mean(), list("abcdefghij"))
        [0.5, 1.0]
    """
    owner, draws = _draws(patients, resamples, seed)
    order = np.argsort(owner, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(owner))[:-1])
    values = [statistic(np.concatenate([rows_of[patient] for patient in draw])) for draw in draws]
    return percentile_interval(np.array(values), level)


def patient_weights(patients: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Return how often each row is in the data itself and in each bootstrap sample of patients.

    Args:
        patients: whose scan each of the N rows is.
        resamples: number B of bootstrap samples.
        seed: of the resampling.

    Returns:
        ``(1 + B, N)``, float32. Row 0 is all ones, the data itself, so that a metric computed from these
        weights has its value first and its bootstrap distribution after it.

    Example:
        >>> patient_weights(["a", "a", "b"], resamples=2).astype(int).tolist()
        [[1, 1, 1], [0, 0, 2], [1, 1, 1]]
    """
    owner, draws = _draws(patients, resamples, seed)
    count = draws.shape[1]
    places = draws + count * np.arange(resamples)[:, None]
    times = np.bincount(places.ravel(), minlength=resamples * count).reshape(resamples, count)
    return np.concatenate([np.ones((1, len(owner))), times[:, owner]]).astype(np.float32)


def percentile_interval(values: np.ndarray, level: float = 0.95) -> list[float] | None:
    """Return the central part of a bootstrap distribution.

    Args:
        values: one a resample; NaN where the resample does not define it.
        level: share that lies inside.

    Returns:
        ``[low, high]``, or None where more than one in twenty resamples does not define it: the
        scans are then too few for an interval.
    """
    known = values[~np.isnan(values)]
    if not len(known) or len(known) < DEFINED * len(values):
        return None
    tail = (1 - level) / 2
    return [float(value) for value in np.quantile(known, [tail, 1 - tail])]


def estimate(values: np.ndarray) -> dict[str, Any]:
    """Return a metric with its interval, ready for JSON.

    Args:
        values: of the metric for each row of :func:`patient_weights`, NaN where undefined.

    Returns:
        ``value`` and ``interval_95_percent``, both None where the data do not define it.

    Example:
        >>> estimate(np.array([0.5, 0.4, 0.6]))
        {'value': 0.5, 'interval_95_percent': [0.405, 0.595]}
    """
    if np.isnan(values[0]):
        return {"value": None, "interval_95_percent": None}
    return {"value": float(values[0]), "interval_95_percent": percentile_interval(values[1:])}


def _draws(patients: Sequence[str], resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the patient of each row, ``(N,)``, and those drawn in each resample, ``(B, patients)``."""
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    draws = np.random.default_rng(seed).integers(len(names), size=(resamples, len(names)))
    return owner, draws
