"""How sure a figure is."""

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["patient_bootstrap"]


def patient_bootstrap(
    statistic: Callable[[np.ndarray], float],
    patients: Sequence[str],
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> list[float]:
    """Return a percentile bootstrap interval that resamples patients, not scans.

    Scans of one patient are not independent: resampling them one by one makes the interval too narrow.

    Args:
        statistic: maps row indices (with repeats) to the figure.
        patients: whose scan each row is.
        resamples: number of bootstrap samples.
        level: confidence level.
        seed: of the resampling.

    Returns:
        ``[low, high]``.

    Example:
        >>> right = np.array([1.0] * 8 + [0.0] * 2)
        >>> patient_bootstrap(lambda rows: right[rows].mean(), list("abcdefghij"))
        [0.5, 1.0]
    """
    _, owner = np.unique(np.asarray(patients), return_inverse=True)
    order = np.argsort(owner, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(owner))[:-1])
    random = np.random.default_rng(seed)
    draws = random.integers(len(rows_of), size=(resamples, len(rows_of)))
    values = [statistic(np.concatenate([rows_of[patient] for patient in draw])) for draw in draws]
    tail = (1 - level) / 2
    return [float(value) for value in np.quantile(values, [tail, 1 - tail])]
