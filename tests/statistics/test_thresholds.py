import numpy as np
import pytest
from toy_run import predictions

from scripts.errors import UserError
from scripts.statistics import abstention, operating_point, sensitivity_threshold


def table(covid, labels):
    """A table whose probability of COVID-19 is given; the rest is halved between the others."""
    covid, labels = np.array(covid), np.array(labels)
    rest = (1 - covid) / 2
    return predictions(np.stack([rest, rest, covid], axis=1), labels, source="here.csv")


VALIDATION = table([0.9, 0.8, 0.8, 0.4, 0.3, 0.1], [2, 2, 0, 2, 2, 1])


@pytest.mark.parametrize(("sensitivity", "threshold"), [(0.25, 0.9), (0.5, 0.8), (0.6, 0.4), (1.0, 0.3)])
def test_the_threshold_is_the_highest_that_still_finds_enough(sensitivity, threshold):
    assert sensitivity_threshold(VALIDATION, 2, sensitivity)["value"] == threshold


def test_the_threshold_reaches_its_sensitivity_where_it_was_fitted():
    random = np.random.default_rng(0)
    fitted = table(random.random(200).round(2), random.integers(3, size=200))
    threshold = sensitivity_threshold(fitted, 2, 0.9)
    low, high = threshold["interval_95_percent"]
    assert low <= threshold["value"] <= high
    assert operating_point(fitted, 2, threshold["value"], 0.1)["sensitivity"]["value"] >= 0.9


def test_hand_worked_predictive_values_at_a_prevalence():
    """Sensitivity 3/4, specificity 1/2 at 0.4 and a prevalence of 10 %."""
    point = operating_point(VALIDATION, 2, 0.4, 0.1)
    assert point["sensitivity"]["value"] == 0.75 and point["specificity"]["value"] == 0.5
    assert point["ppv"]["value"] == pytest.approx(0.075 / (0.075 + 0.45))
    assert point["npv"]["value"] == pytest.approx(0.45 / (0.45 + 0.025))


def test_each_scan_may_have_the_threshold_of_its_own_network():
    own = np.array([0.95, 0.5, 0.9, 0.4, 0.4, 0.05])
    point = operating_point(VALIDATION, 2, own, 0.1)
    assert point["sensitivity"]["value"] == 0.5 and point["specificity"]["value"] == 0.5


def test_an_absent_class_has_no_threshold_and_no_sensitivity():
    nobody = table([0.2, 0.4], [0, 1])
    found = sensitivity_threshold(nobody, 2, 0.9)
    assert found == {
        "value": None, "interval_95_percent": None, "reason": "no scan of here.csv is of this class",
    }  # fmt: skip
    point = operating_point(nobody, 2, 0.5, 0.1)
    assert point["sensitivity"]["value"] is None and point["ppv"]["value"] is None
    assert point["specificity"]["value"] == 1


def test_abstention_counts_only_what_remains():
    rows = abstention(table([0.9, 0.8, 0.1], [2, 0, 1]), confidences=(0.0, 0.5, 0.85, 0.95))
    assert [row["predicted"]["value"] for row in rows] == pytest.approx([1, 2 / 3, 1 / 3, 0])
    # the third scan's first two classes tie: argmax names class 0, its label is 1
    assert [row["accuracy"]["value"] for row in rows] == [pytest.approx(1 / 3), 0.5, 1, None]


@pytest.mark.parametrize("sensitivity", [0, 1.1, 95])
def test_a_sensitivity_is_a_share(sensitivity):
    with pytest.raises(UserError, match=f"sensitivity={sensitivity}: expected a share"):
        sensitivity_threshold(VALIDATION, 2, sensitivity)
