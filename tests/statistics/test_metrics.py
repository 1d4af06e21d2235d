"""Oracle: scikit-learn, on random cases with ties."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from scripts.statistics import METRICS, ONE_VS_REST, OVERALL, classification_metrics

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
def test_every_metric_equals_scikit_learn(seed):
    probabilities, labels, patients = table(60, seed)
    found = classification_metrics(probabilities, labels, patients, NAMES)
    predicted = probabilities.argmax(axis=1)
    assert found["accuracy"]["value"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert found["balanced_accuracy"]["value"] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    assert found["macro_f1"]["value"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert found["confusion_matrix"]["counts"] == sk.confusion_matrix(labels, predicted).tolist()
    for index, name in enumerate(NAMES):
        truth, named, metrics = labels == index, predicted == index, found["one_vs_rest"][name]
        assert metrics["accuracy"]["value"] == pytest.approx(sk.accuracy_score(truth, named))
        assert metrics["recall"]["value"] == pytest.approx(sk.recall_score(truth, named))
        assert metrics["specificity"]["value"] == pytest.approx(sk.recall_score(~truth, ~named))
        assert metrics["precision"]["value"] == pytest.approx(sk.precision_score(truth, named))
        assert metrics["f1"]["value"] == pytest.approx(sk.f1_score(truth, named))
        assert metrics["auc"]["value"] == pytest.approx(sk.roc_auc_score(truth, probabilities[:, index]))
        expected = sk.average_precision_score(truth, probabilities[:, index])
        assert metrics["average_precision"]["value"] == pytest.approx(expected)


def test_hand_worked_case():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.6, 0.2, 0.2]])
    found = classification_metrics(probabilities, np.array([0, 1, 2, 2]), list("abcd"), NAMES)
    assert found["accuracy"]["value"] == 0.75
    assert found["majority_class_baseline"]["value"] == 0.5
    assert {name: each["value"] for name, each in found["one_vs_rest"]["COVID-19"].items()} == {
        "accuracy": 0.75, "recall": 0.5, "specificity": 1.0, "precision": 1.0, "f1": 2 / 3, "auc": 1.0,
        "average_precision": 1.0,
    }  # fmt: skip


def test_an_absent_class_gives_null_with_the_reason_never_zero():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.7, 0.3, 0.0]])
    found = classification_metrics(probabilities, np.array([0, 1, 0]), list("abc"), NAMES)
    values = {name: each["value"] for name, each in found["one_vs_rest"]["COVID-19"].items()}
    assert values["recall"] is values["precision"] is values["f1"] is values["auc"] is None
    assert found["undefined"]["COVID-19: recall"] == "no scan is of this class"
    assert found["balanced_accuracy"]["value"] is None
    assert values["specificity"] == 1.0


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
    right, wrong = (
        classification_metrics(probabilities, each, patients, NAMES) for each in (labels, swapped)
    )
    assert right["accuracy"]["value"] == 1
    assert wrong["accuracy"]["value"] == pytest.approx(1 / 3)


def test_the_interval_of_4000_scans_has_the_width_of_a_binomial_s():
    probabilities, labels, _ = table(4000, seed=0, decimals=3)
    found = classification_metrics(probabilities, labels, [str(scan) for scan in range(4000)], NAMES)
    low, high = found["accuracy"]["interval_95_percent"]
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 / 9 / 4000), rel=0.1)


@pytest.mark.parametrize("names", [["healthy", "ill"], ["none", "mild", "moderate", "severe"]])
def test_the_list_serves_any_number_of_classes(names):
    random = np.random.default_rng(0)
    labels = random.integers(len(names), size=60)
    probabilities = random.dirichlet(np.ones(len(names)), size=60)
    found = classification_metrics(probabilities, labels, [str(scan) for scan in range(60)], names)
    assert found["accuracy"]["value"] == pytest.approx((probabilities.argmax(axis=1) == labels).mean())
    areas = [sk.roc_auc_score(labels == index, probabilities[:, index]) for index in range(len(names))]
    assert found["macro_auc"]["value"] == pytest.approx(np.mean(areas))
    assert list(found["one_vs_rest"]) == names
    for metrics in found["one_vs_rest"].values():
        assert list(metrics) == [metric.name for metric in ONE_VS_REST]


def test_every_metric_has_a_value_with_an_interval_in_one_shape():
    found = classification_metrics(*table(60, seed=1), NAMES)
    shapes = [found[metric.name] for metric in OVERALL] + [found["majority_class_baseline"]]
    shapes += [each for metrics in found["one_vs_rest"].values() for each in metrics.values()]
    for each in shapes:
        low, high = each["interval_95_percent"]
        assert set(each) == {"value", "interval_95_percent"} and low <= each["value"] <= high


def test_the_documented_metrics_are_those_of_the_list_word_for_word():
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    documented = re.findall(r"^\| `(\w+)` \| (.+) \|$", text, flags=re.MULTILINE)
    assert len(documented) > 10
    assert set(documented) <= {(metric.name, metric.formula) for metric in METRICS}


@pytest.mark.parametrize("labels", [[0, 1, 0], [0, 0, 0], [0, 1, 2], [2, 2, 1]])
@pytest.mark.parametrize("predicted", [[0, 0, 0], [0, 1, 1], [2, 1, 0]])
def test_a_metric_is_null_exactly_where_a_reason_is_given(labels, predicted):
    found = classification_metrics(0.1 + 0.7 * np.eye(3)[predicted], np.array(labels), list("abc"), NAMES)
    values = {metric.name: found[metric.name]["value"] for metric in OVERALL}
    for label, metrics in found["one_vs_rest"].items():
        values |= {f"{label}: {name}": each["value"] for name, each in metrics.items()}
    assert set(found["undefined"]) == {name for name, value in values.items() if value is None}
