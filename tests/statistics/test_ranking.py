import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from scripts.audit.features import indicators
from scripts.statistics import held_out_auc, weighted_held_out_auc


@pytest.fixture
def scored():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=50)
    scores = np.round(random.normal(size=(50, 3)) + 0.6 * (labels[:, None] == range(3)), 1)  # with ties
    return scores, indicators(labels, np.arange(3)), labels


def test_with_one_fold_it_is_scikit_learn_s_macro_auc(scored):
    scores, wanted, labels = scored
    expected = np.mean([roc_auc_score(labels == k, scores[:, k]) for k in range(3)])
    one = np.zeros(50, dtype=int)
    assert held_out_auc(scores[:, None], wanted[:, None], one) == pytest.approx(expected)
    assert weighted_held_out_auc(scores, wanted, one, np.ones((1, 50))) == pytest.approx(expected)


def test_scores_of_two_folds_are_never_compared(scored):
    scores, wanted, _ = scored
    folds = np.arange(50) % 2
    moved = scores + 100 * folds[:, None]
    before, after = (held_out_auc(s[:, None], wanted[:, None], folds) for s in (scores, moved))
    assert before == pytest.approx(after)
    assert weighted_held_out_auc(moved, wanted, folds, np.ones((1, 50))) == pytest.approx(before)


def test_a_fold_of_one_class_has_no_pairs(scored):
    scores, wanted, labels = scored
    folds = (labels == 2).astype(int)
    inner = labels != 2
    expected = held_out_auc(scores[inner, None, :2], wanted[inner, None, :2], folds[inner])
    found = weighted_held_out_auc(scores[:, :2], wanted[:, :2], folds, np.ones((1, 50)))
    assert found == pytest.approx(expected)


def test_a_weight_of_two_is_a_scan_twice(scored):
    scores, wanted, _ = scored
    weights = np.random.default_rng(1).integers(3, size=50)
    rows = np.repeat(np.arange(50), weights)
    twice = held_out_auc(scores[rows, None], wanted[rows, None], np.zeros(len(rows), dtype=int))
    found = weighted_held_out_auc(scores, wanted, np.zeros(50, dtype=int), weights[None].astype(float))
    assert found == pytest.approx(twice)
