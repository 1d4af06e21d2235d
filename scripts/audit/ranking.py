"""The area under the ROC curve, from pairs of scans that were held out together."""

import numpy as np
from scipy.stats import rankdata

__all__ = ["held_out_auc", "weighted_auc"]


def held_out_auc(scores: np.ndarray, wanted: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return the mean over classes of one-against-rest AUC, from pairs within a fold.

    Scores of two folds come from two models and are not compared: pooling them would pull the AUC of pure
    noise below one half.

    Args:
        scores: out of fold, shape ``(scans, shuffles, classes)``.
        wanted: 1 where a scan is of the class, same shape.
        folds: of the scans, shape ``(scans,)``.

    Returns:
        Shape ``(shuffles,)``.
    """
    wins = pairs = np.zeros(scores.shape[1:])
    for fold in np.unique(folds):
        held = folds == fold
        positive = wanted[held].sum(0)
        ranks = rankdata(scores[held], axis=0)
        wins = wins + (ranks * wanted[held]).sum(0) - positive * (positive + 1) / 2
        pairs = pairs + positive * (held.sum() - positive)
    return (wins / np.maximum(pairs, 1)).mean(1)


def weighted_auc(
    scores: np.ndarray, wanted: np.ndarray, folds: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the same AUC with scans counted several times or not at all, as a bootstrap draws them.

    Args:
        scores: shape ``(scans, classes)``.
        wanted: same shape.
        folds: shape ``(scans,)``.
        weights: how often each draw counts each scan, shape ``(scans, draws)``.

    Returns:
        Shape ``(draws,)``.
    """
    areas = []
    for column, positive in zip(scores.T, wanted.T > 0, strict=True):
        wins = pairs = np.zeros(weights.shape[1])
        for fold in np.unique(folds):
            yes, no = (folds == fold) & positive, (folds == fold) & ~positive
            order = np.argsort(column[no])
            losers, drawn = column[no][order], weights[no][order]
            below = np.concatenate([np.zeros((1, weights.shape[1])), np.cumsum(drawn, axis=0)])
            lower = np.searchsorted(losers, column[yes], side="left")
            not_higher = np.searchsorted(losers, column[yes], side="right")
            wins = wins + (weights[yes] * (below[lower] + below[not_higher]) / 2).sum(0)  # a tie is half won
            pairs = pairs + weights[yes].sum(0) * below[-1]
        areas.append(wins / np.maximum(pairs, 1))
    return np.mean(areas, axis=0)
