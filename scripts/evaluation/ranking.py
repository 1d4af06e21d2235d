"""How well a score ranks the scans of a class above the others: areas under two curves."""

import numpy as np

from .intervals import ratio

__all__ = ["ranking_areas"]


def ranking_areas(
    score: np.ndarray, positive: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the area under the ROC curve and the average precision for each set of weights.

    The area is the share of pairs of a positive and a negative scan in which the positive one scores higher;
    a tie counts one half. The average precision is the sum over the distinct scores, falling, of the
    precision at that score times the step in recall.

    Args:
        score: ``(N,)``.
        positive: ``(N,)``, bool.
        weights: ``(B, N)``, how often each scan counts: whole numbers.

    Returns:
        Twice ``(B,)``; NaN where there are no positives, and for the area also where there are no negatives.

    Example:
        >>> scores, truth = np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, True, False, True])
        >>> area, precision = ranking_areas(scores, truth, np.ones((1, 4)))
        >>> area.tolist(), precision.round(3).tolist()
        ([0.875], [0.833])
    """
    order = np.argsort(-score, kind="stable")
    last_of_score = np.flatnonzero(np.diff(score[order], append=-np.inf))
    ordered = weights[:, order].astype(np.float32)  # exact: the sums stay below 2**24
    named = np.cumsum(ordered, axis=1)[:, last_of_score]
    ordered *= positive[order]
    found = np.cumsum(ordered, axis=1)[:, last_of_score]
    steps = np.diff(found, axis=1, prepend=0)
    false = named - found
    above = false - np.diff(false, axis=1, prepend=0) / 2  # negatives that score higher, ties one half
    positives, negatives = found[:, -1].astype(np.float64), false[:, -1].astype(np.float64)
    lost_pairs = np.einsum("bn,bn->b", steps, above, dtype=np.float64)
    precision = np.divide(found, named, out=np.zeros_like(found), where=named > 0)
    hits = np.einsum("bn,bn->b", steps, precision, dtype=np.float64)
    pairs = positives * negatives
    return ratio(pairs - lost_pairs, pairs), ratio(hits, positives)
