"""Oracle: scikit-learn, on random cases with ties."""

import numpy as np
import pytest
from sklearn import metrics as sk

from scripts.evaluation import classification_metrics

NAMES = ["non-pneumonia", "other pneumonia", "COVID-19"]


def table(scans, seed, decimals=1):
    """Random labels and coarse probabilities, so that scores tie."""
    random = np.random.default_rng(seed)
    labels = random.integers(3, size=scans)
    probabilities = random.dirichlet(np.ones(3), size=scans).round(decimals) + 1e-6
    return (
        probabilities / probabilities.sum(axis=1, keepdims=True),
        labels,
        [str(i // 2) for i in range(scans)],
    )


@pytest.mark.parametrize("seed", range(5))
def test_every_figure_equals_scikit_learn(seed):
    probabilities, labels, patients = table(60, seed)
    found = classification_metrics(probabilities, labels, patients, NAMES)
    predicted = probabilities.argmax(axis=1)
    assert found["three_class_accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    assert found["macro_f1"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert found["confusion_matrix"]["counts"] == sk.confusion_matrix(labels, predicted).tolist()
    for index, name in enumerate(NAMES):
        truth, answer, figures = labels == index, predicted == index, found["one_vs_rest"][name]
        assert figures["accuracy"] == pytest.approx(sk.accuracy_score(truth, answer))
        assert figures["recall"] == pytest.approx(sk.recall_score(truth, answer))
        assert figures["specificity"] == pytest.approx(sk.recall_score(~truth, ~answer))
        assert figures["precision"] == pytest.approx(sk.precision_score(truth, answer))
        assert figures["f1"] == pytest.approx(sk.f1_score(truth, answer))
        assert figures["auc"] == pytest.approx(sk.roc_auc_score(truth, probabilities[:, index]))
        expected = sk.average_precision_score(truth, probabilities[:, index])
        assert figures["average_precision"] == pytest.approx(expected)


def test_hand_worked_case():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.6, 0.2, 0.2]])
    found = classification_metrics(probabilities, np.array([0, 1, 2, 2]), list("abcd"), NAMES)
    assert found["three_class_accuracy"] == 0.75
    assert found["majority_class_accuracy"] == 0.5
    assert found["one_vs_rest"]["COVID-19"] | {"auc": 1.0, "average_precision": 1.0} == {
        "accuracy": 0.75, "recall": 0.5, "specificity": 1.0, "precision": 1.0, "f1": 2 / 3, "auc": 1.0,
        "average_precision": 1.0,
    }  # fmt: skip


def test_an_absent_class_gives_null_with_the_reason_never_zero():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.7, 0.3, 0.0]])
    found = classification_metrics(probabilities, np.array([0, 1, 0]), list("abc"), NAMES)
    figures = found["one_vs_rest"]["COVID-19"]
    assert figures["recall"] is figures["precision"] is figures["f1"] is figures["auc"] is None
    assert found["undefined"]["COVID-19: recall"] == "no scan is of this class"
    assert found["balanced_accuracy"] is None
    assert figures["specificity"] == 1.0


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (np.full((2, 3), 0.5), [0, 1], "sum to 1 [+]- 0.5"),
        (np.full((2, 3), 1 / 3), [0, 3], r"labels \[0, 3\] are not all below 3"),
        (np.full((2, 2), 0.5), [0, 1], r"probabilities \(2, 2\) do not match"),
        (np.full((2, 3), np.nan), [0, 1], "sum to 1"),
    ],
)
def test_wrong_tables_are_refused(probabilities, labels, message):
    with pytest.raises(ValueError, match=message):
        classification_metrics(probabilities, np.array(labels), list("ab"), NAMES)


def test_swapped_labels_are_noticed():
    probabilities, labels, patients = (
        np.eye(3).repeat(5, axis=0),
        np.arange(3).repeat(5),
        list(map(str, range(15))),
    )
    swapped = np.array([0, 2, 1])[labels]
    assert classification_metrics(probabilities, labels, patients, NAMES)["three_class_accuracy"] == 1
    assert classification_metrics(probabilities, swapped, patients, NAMES)[
        "three_class_accuracy"
    ] == pytest.approx(1 / 3)


def test_the_interval_of_4000_scans_has_the_width_of_a_binomial_s():
    probabilities, labels, _ = table(4000, seed=0, decimals=3)
    found = classification_metrics(probabilities, labels, [str(scan) for scan in range(4000)], NAMES)
    low, high = found["intervals_95_percent"]["three_class_accuracy"]
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 / 9 / 4000), rel=0.1)
