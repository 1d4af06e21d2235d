"""The papers' figures agree with each other, and with the networks, as far as they can be recomputed."""

import numpy as np
import pytest

from scripts.experiments.published import published_accuracy, published_results

PARL, DUAL = published_results()["parl"], published_results()["dual_attention"]
TABLE_II = PARL["five_folds_one_vs_rest_percent"]


def test_the_three_class_accuracies_follow_from_the_one_vs_rest_ones():
    found = {network: round(published_accuracy(network) + 1e-9, 1) for network in TABLE_II}
    assert found == {"WA-66": 67.0, "SA-66": 70.3, "WA-66-M": 73.4, "SA-66-M": 70.4, "PA-66-M": 87.1}


def test_a_three_class_accuracy_counts_each_error_twice_in_one_vs_rest():
    labels, answers = np.array([0, 1, 2, 2, 1]), np.array([0, 2, 2, 1, 1])
    one_vs_rest = [((labels == label) == (answers == label)).mean() for label in range(3)]
    assert (sum(one_vs_rest) - 1) / 2 == pytest.approx((labels == answers).mean())


def test_the_test_set_has_600_balanced_scans_of_which_pa_66_m_names_538():
    for counts in PARL["test_of_600_confusion"].values():
        assert np.sum(counts, axis=1).tolist() == [200, 200, 200]
    assert np.trace(PARL["test_of_600_confusion"]["PA-66-M"]) == 538


def test_table_ii_is_complete_and_its_accuracy_lies_between_recall_and_specificity():
    for classes in TABLE_II.values():
        assert list(classes) == ["non-pneumonia", "other pneumonia", "COVID-19"]
        for figures in classes.values():
            assert list(figures) == ["accuracy", "recall", "specificity", "precision", "f1", "auc"]
            ends = sorted([figures["recall"][0], figures["specificity"][0]])
            assert ends[0] <= figures["accuracy"][0] <= ends[1]


def test_channel_attention_alone_is_best_in_auc_specificity_and_f1():
    figures = DUAL["five_models_on_one_test_set"]
    for measure in ("auc", "specificity", "f1"):
        assert max(figures, key=lambda network: figures[network][measure][0]) == "CA-ResNet18"
