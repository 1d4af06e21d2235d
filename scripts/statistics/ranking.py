"""How well a score ranks the scans of a class above the others: areas under two curves."""

import numpy as np
from scipy.stats import rankdata

from .intervals import ratio

__all__ = ["held_out_auc", "ranking_areas", "weighted_held_out_auc"]


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
    named, found = _falling_counts(score, positive, weights)
    precision = np.divide(found, named, out=np.zeros_like(found), where=named > 0)
    steps = np.diff(found, axis=1, prepend=0)
    hits = np.einsum("bn,bn->b", steps, precision, dtype=np.float64)
    won, pairs = _pairs_won(named, found)
    return ratio(won, pairs), ratio(hits, found[:, -1].astype(np.float64))


def held_out_auc(scores: np.ndarray, wanted: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return the mean over classes of the one-vs-rest AUC, from pairs within a fold, for many scores.

    Scores of two folds come from two models and are not compared: pooling them would pull the AUC of pure
    noise below one half.

    Args:
        scores: out of fold, ``(N, shuffles, C)``.
        wanted: 1 where a scan is of the class, same shape.
        folds: of the scans, ``(N,)``.

    Returns:
        ``(shuffles,)``.
    """
    won = pairs = np.zeros(scores.shape[1:])
    for fold in np.unique(folds):
        held = folds == fold
        positives = wanted[held].sum(0)
        ranks = rankdata(scores[held], axis=0)
        won = won + (ranks * wanted[held]).sum(0) - positives * (positives + 1) / 2
        pairs = pairs + positives * (held.sum() - positives)
    return (won / np.maximum(pairs, 1)).mean(1)


def weighted_held_out_auc(
    scores: np.ndarray, wanted: np.ndarray, folds: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the same AUC of one score for many weights, as a bootstrap draws them.

    Args:
        scores: ``(N, C)``.
        wanted: same shape.
        folds: ``(N,)``.
        weights: ``(B, N)``, how often each scan counts: whole numbers.

    Returns:
        ``(B,)``.
    """
    won, pairs = np.zeros((2, scores.shape[1], len(weights)))
    for fold in np.unique(folds):
        held = np.flatnonzero(folds == fold)
        own = weights.take(held, axis=1)
        for index, (score, positive) in enumerate(zip(scores[held].T, wanted[held].T > 0, strict=True)):
            own_won, own_pairs = _pairs_won(*_falling_counts(score, positive, own))
            won[index] += own_won
            pairs[index] += own_pairs
    return (won / np.maximum(pairs, 1)).mean(axis=0)


def _falling_counts(
    score: np.ndarray, positive: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count the scans, and the positive ones, at or above each distinct score, falling: twice ``(B, K)``."""
    order = np.argsort(-score, kind="stable")
    last_of_score = np.flatnonzero(np.diff(score[order], append=-np.inf))
    ordered = weights.take(order, axis=1).astype(np.float32, copy=False)  # exact: sums stay below 2**24
    named = np.cumsum(ordered, axis=1).take(last_of_score, axis=1)
    ordered *= positive[order]
    return named, np.cumsum(ordered, axis=1).take(last_of_score, axis=1)


def _pairs_won(named: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return in how many pairs the positive scan scores higher (ties one half), and all pairs, ``(B,)``."""
    steps = np.diff(found, axis=1, prepend=0)
    false = named - found
    above = false - np.diff(false, axis=1, prepend=0) / 2  # negatives that score higher, ties one half
    pairs = found[:, -1].astype(np.float64) * false[:, -1]
    lost = np.einsum("bn,bn->b", steps, above, dtype=np.float64)
    return pairs - lost, pairs
