"""How uncertain a metric is: 95 % intervals that hold near 0 and 1, and for several scans a patient.

A share (recall, accuracy ...) has Wilson's interval for the number of independent scans that its scans are
worth. An area under a curve is treated as a share that as many independent scans would spread as widely. What
is computed of several metrics (a mean, a difference, a predictive value) joins their intervals.
docs/metrics.md has the coverage of each by simulation.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc, ndtri

__all__ = [
    "Estimate",
    "area_estimate",
    "combined",
    "effective_scans",
    "leave_one_out",
    "predictive_value",
    "ratio",
    "share_estimate",
    "share_interval",
]

GROUPS = 400  # of patients, left out in turn; where there are fewer patients, one by one
FEW = 40  # independent scans: below, Wilson's interval is too narrow (Brown, Cai and DasGupta, 2001)
PRIOR = 2.0  # pairs of scans of one patient that agree, before any is seen
LEVEL = 0.95

Estimate = dict[str, Any]


def share_estimate(part: np.ndarray, whole: np.ndarray, patients: Sequence[str] | np.ndarray) -> Estimate:
    """Return a share of scans with its interval, ready for JSON.

    Args:
        part: scans that count, ``(N,)``, bool; those outside the whole are ignored.
        whole: scans that are asked, ``(N,)``, bool.
        patients: whose scan each row is.

    Returns:
        ``value`` and ``interval_95_percent``, both None where the whole is empty.

    Example:
        >>> right = np.array([True] * 20)
        >>> found = share_estimate(right, np.ones(20, dtype=bool), range(20))
        >>> found["value"], [round(end, 3) for end in found["interval_95_percent"]]
        (1.0, [0.839, 1.0])
    """
    if not whole.any():
        return {"value": None, "interval_95_percent": None}
    part, owners = part[whole], np.asarray(patients)[whole]
    share = float(part.mean())
    return {"value": share, "interval_95_percent": share_interval(share, effective_scans(part, owners))}


def share_interval(share: float, scans: float) -> list[float]:
    """Return the 95 % interval of a share of independent scans, by Wilson's score test (1927).

    For few scans it is widened to the mid-P limits where these lie outside: either test alone falls short of
    95 % at some shares near 0 and 1, and these are different ones.

    Args:
        share: 0 to 1.
        scans: how many independent ones; need not be whole.

    Example:
        >>> [round(end, 3) for end in share_interval(0.9, 100)]
        [0.826, 0.945]
    """
    z = ndtri((1 + LEVEL) / 2)
    centre = (share * scans + z**2 / 2) / (scans + z**2)
    half = z * np.sqrt(share * (1 - share) * scans + z**2 / 4) / (scans + z**2)
    low, high = centre - half, centre + half
    if scans < FEW:
        low = min(low, _mid_p_limit(share * scans, scans))
        high = max(high, 1 - _mid_p_limit((1 - share) * scans, scans))
    return [float(min(max(low, 0.0), share)), float(max(min(high, 1.0), share))]


def effective_scans(part: np.ndarray, patients: Sequence[str] | np.ndarray) -> float:
    """Return how many independent scans are worth as much as these, of which some share a patient.

    N scans are worth ``N / (1 + r (k - 1))`` (Kish, 1965), where k is the mean size of a scan's own patient
    and r the correlation within patients. It is estimated from the rarer outcome: of the scans beside one of
    these in its patient, how many share it, and how many would by chance. With few such pairs it leans
    towards 1, the safe side, as if :data:`PRIOR` of them had been seen to agree.

    Args:
        part: scans that count, ``(N,)``, bool.
        patients: whose scan each row is.

    Example:
        >>> effective_scans(np.array([True, True, False, False]), ["a", "a", "b", "b"])
        2.0
    """
    _, owner, sizes = np.unique(np.asarray(patients), return_inverse=True, return_counts=True)
    size = (sizes**2).sum() / len(part)
    rarer = part if part.mean() <= 0.5 else ~part
    share = rarer.mean()
    of_patient = np.bincount(owner[rarer], minlength=len(sizes))
    agreeing = (of_patient * (of_patient - 1)).sum() + PRIOR
    pairs = (of_patient * (sizes - 1)).sum() + PRIOR
    correlation = min(max((agreeing / pairs - share) / (1 - share), 0.0), 1.0)
    return float(len(part) / (1 + correlation * (size - 1)))


def leave_one_out(patients: Sequence[str]) -> np.ndarray:
    """Return weights of the data itself, and of the data without each patient in turn (the jackknife).

    Args:
        patients: whose scan each of the N rows is; more than :data:`GROUPS` are left out in so many groups.

    Returns:
        ``(1 + G, N)``, float32. Row 0 is all ones, so that a metric computed from these weights has its value
        first.

    Example:
        >>> leave_one_out(["a", "a", "b"]).astype(int).tolist()
        [[1, 1, 1], [0, 0, 1], [1, 1, 0]]
    """
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    group = owner % GROUPS
    without = group[None] != np.arange(min(len(names), GROUPS))[:, None]
    return np.concatenate([np.ones((1, len(owner))), without]).astype(np.float32)


def area_estimate(values: np.ndarray, groups: Sequence[np.ndarray]) -> Estimate:
    """Return an area between 0 and 1 with its interval: that of a share which spreads as widely.

    Two groups of a and b scans are worth at most ``4 a b / (a + b)``, one group as many as it has; the spread
    leans towards that of so many patients, as if :data:`PRIOR` patients more had been seen to have it, and
    where the data show none (the area is 0 or 1), it is that.

    Args:
        values: of the area for each row of :func:`leave_one_out`, NaN where undefined.
        groups: whose scan each one is, of the positive scans, and perhaps of the negative ones.
    """
    value, without = float(values[0]), values[1:]
    if np.isnan(value):
        return {"value": None, "interval_95_percent": None}
    sizes = [np.unique(owners, return_counts=True)[1] for owners in groups]
    fewest, most = (
        len(groups) ** 2 / sum(1 / each for each in counts)
        for counts in ([size.sum() ** 2 / (size**2).sum() for size in sizes], [size.sum() for size in sizes])
    )
    spread, count = value * (1 - value), len(without)
    scans = fewest
    if spread > 1e-9 and count > 1 and not np.isnan(without).any():
        jackknife = (count - 1) * without.var()
        variance = (count * jackknife + PRIOR * spread / fewest) / (count + PRIOR)
        scans = min(spread / variance, most)
    return {"value": value, "interval_95_percent": share_interval(value, float(scans))}


def combined(estimates: Sequence[Estimate], factors: Sequence[float], values: np.ndarray) -> Estimate:
    """Return a sum of metrics, each times a factor, with its interval (Zou and Donner, 2008: MOVER).

    Each end lies as far from the value as the ends of the metrics lie from theirs, squared and added, with
    the metrics' correlation.

    Args:
        estimates: M metrics with their intervals.
        factors: M numbers, such as 1 and -1 for a difference.
        values: of each metric for each row of :func:`leave_one_out`, ``(M, 1 + G)``: how they vary together.

    Returns:
        ``value`` and ``interval_95_percent``, both None where a metric is not defined.
    """
    if any(each["value"] is None for each in estimates):
        return {"value": None, "interval_95_percent": None}
    value = sum(factor * each["value"] for factor, each in zip(factors, estimates, strict=True))
    steps = np.array(
        [[end - each["value"] for end in each["interval_95_percent"]] for each in estimates]
    )  # (M, 2), the first at most 0
    steps *= np.asarray(factors)[:, None]
    correlation = _correlation(values[:, 1:]) * np.sign(np.outer(factors, factors))
    patients = values.shape[1] - 1
    correlation[correlation < 0] *= patients / (patients + PRIOR)  # few patients may agree by chance
    low, high = (
        float(np.sqrt(max(part @ correlation @ part, 0.0))) for part in (steps.min(axis=1), steps.max(axis=1))
    )
    return {"value": float(value), "interval_95_percent": [value - low, value + high]}


def predictive_value(wrong: Estimate, right: Estimate, prevalence: float) -> Estimate:
    """Return the share of the called who have a condition, by Bayes' rule, with its interval.

    The limits of wrong / right are those at which the interval of ``wrong - limit * right`` ends at 0 (Donner
    and Zou, 2012); the two shares are of different patients.

    Args:
        wrong: share of those without the condition who are called nevertheless.
        right: share of those with it who are called.
        prevalence: share of those with it where the scans come from.

    Returns:
        ``value`` and ``interval_95_percent``, both None where nobody would be called.
    """
    undefined = {"value": None, "interval_95_percent": None}
    if wrong["value"] is None or right["value"] is None:
        return undefined
    called = prevalence * right["value"] + (1 - prevalence) * wrong["value"]
    if not called:
        return undefined

    def at(limit: float) -> float:
        return prevalence / (prevalence + (1 - prevalence) * limit) if prevalence else 0.0

    low, high = _ratio_interval(wrong, right)
    ends = [at(high) if high < np.inf else float(prevalence == 1), at(low)]
    return {"value": prevalence * right["value"] / called, "interval_95_percent": ends}


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; NaN where the whole is zero."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _mid_p_limit(found: float, scans: float) -> float:
    """Return the lowest share at which so many are not too many, counting half of the chance of so many."""
    if found <= 0:
        return 0.0

    def excess(share: float) -> float:
        more = betainc(found + 1, scans - found, share) if found < scans else 0.0
        return float((more + betainc(found, scans - found + 1, share)) / 2 - (1 - LEVEL) / 2)

    return float(brentq(excess, 0, 1))


def _ratio_interval(over: Estimate, under: Estimate) -> tuple[float, float]:
    """Return the limits of the ratio of two independent shares; the upper one may be infinite."""
    a, (a_low, a_high) = over["value"], over["interval_95_percent"]
    b, (b_low, b_high) = under["value"], under["interval_95_percent"]
    low, below = a_low * (2 * a - a_low), b_high * (2 * b - b_high)
    high, above = a_high * (2 * a - a_high), b_low * (2 * b - b_low)
    smallest = low / (a * b + np.sqrt((a * b) ** 2 - below * low)) if low > 0 else 0.0
    largest = (a * b + np.sqrt((a * b) ** 2 - above * high)) / above if above > 0 else np.inf
    return float(smallest), float(largest)


def _correlation(values: np.ndarray) -> np.ndarray:
    """Return the correlation of the rows, 0 where one of them does not vary."""
    values = values[:, ~np.isnan(values).any(axis=0)]
    centred = values - values.mean(axis=1, keepdims=True) if values.shape[1] else values
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    rows = np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-9)
    matrix = rows @ rows.T
    np.fill_diagonal(matrix, 1)
    return matrix
