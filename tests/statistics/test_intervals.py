"""Oracles: scipy's Wilson interval, hand-worked effective sizes, and limits that a share cannot pass."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest
from toy_run import predictions

from scripts.statistics import (
    abstention,
    classification_metrics,
    combined,
    operating_point,
    paired_differences,
    share_estimate,
    share_interval,
)
from scripts.statistics.intervals import area_estimate, effective_scans, leave_one_out, predictive_value

NAMES = ["healthy", "ill"]


def estimate(value, low, high):
    return {"value": value, "interval_95_percent": [low, high]}


@pytest.mark.parametrize(("right", "scans"), [(0, 40), (33, 50), (57, 60), (200, 200)])
def test_the_interval_of_many_scans_is_wilson_s(right, scans):
    wilson = binomtest(right, scans).proportion_ci(method="wilson")
    assert share_interval(right / scans, scans) == pytest.approx([wilson.low, wilson.high])


@pytest.mark.parametrize("right", range(17, 21))
def test_the_interval_of_few_scans_holds_wilson_s_and_the_mid_p_limits(right):
    """At the mid-P limit, the chance of more than what was seen and half of it is 2.5 %."""
    wilson = binomtest(right, 20).proportion_ci(method="wilson")
    low, high = share_interval(right / 20, 20)
    assert low <= wilson.low + 1e-9 and high >= wilson.high - 1e-9
    chance = binom.sf(right, 20, low) + binom.pmf(right, 20, low) / 2
    assert low == pytest.approx(wilson.low) or chance == pytest.approx(0.025)


def test_twenty_of_twenty_are_not_certain():
    found = share_estimate(np.ones(20, dtype=bool), np.ones(20, dtype=bool), range(20))
    assert found["value"] == 1 and found["interval_95_percent"] == pytest.approx([0.839, 1], abs=1e-3)


def test_scans_that_agree_within_patients_are_worth_one_a_patient_and_others_more():
    patients = np.repeat(range(50), 3)
    alike = np.repeat(np.arange(50) % 4 > 0, 3)
    assert effective_scans(alike, patients) == pytest.approx(50)
    apart = np.tile([True, True, False], 50)  # each patient has one: they agree less than by chance
    assert effective_scans(apart, patients) == pytest.approx(150)
    drawn = np.random.default_rng(0).random(150) < 0.7
    assert 100 < effective_scans(drawn, patients) <= 150


def test_without_any_error_scans_of_a_patient_count_as_one():
    assert effective_scans(np.ones(12, dtype=bool), np.repeat(range(4), 3)) == pytest.approx(4)


def test_copies_of_a_patient_s_scan_move_no_limit():
    right = np.arange(30) % 5 > 0
    once = share_estimate(right, np.ones(30, dtype=bool), range(30))
    thrice = share_estimate(right.repeat(3), np.ones(90, dtype=bool), np.repeat(range(30), 3))
    assert thrice["interval_95_percent"] == pytest.approx(once["interval_95_percent"])


def test_an_area_of_one_is_not_certain_and_more_patients_narrow_it():
    lows = []
    for patients in (5, 50):
        positive = np.arange(2 * patients) % 2 == 0
        owners = np.arange(2 * patients)
        groups = [owners[positive], owners[~positive]]
        low, high = area_estimate(np.ones(1 + 2 * patients), groups)["interval_95_percent"]
        assert high == 1
        lows.append(low)
    assert 0.5 < lows[0] < lows[1] < 0.99


def test_leaving_out_more_patients_than_groups_leaves_out_each_once():
    weights = leave_one_out(range(1000))
    assert (weights[0] == 1).all() and len(weights) == 401
    assert ((weights[1:] == 0).sum(axis=0) == 1).all()


def test_independent_metrics_add_their_steps_squared_and_equal_ones_cancel():
    first, second = estimate(0.8, 0.7, 0.85), estimate(0.6, 0.5, 0.75)
    apart = np.array([[0, 1.0, -1, 1, -1], [0, 1.0, 1, -1, -1]])
    found = combined([first, second], [1, -1], apart)
    assert found["value"] == pytest.approx(0.2)
    assert found["interval_95_percent"] == pytest.approx(
        [0.2 - np.hypot(0.1, 0.15), 0.2 + np.hypot(0.05, 0.1)]
    )
    for patients, off in ((10, 0.063), (10_000, 0.05)):  # 0.1 down and 0.05 up leave 0.05
        alike = np.tile([0, *[1.0, -1] * (patients // 2)], (2, 1))
        low, high = combined([first, first], [1, -1], alike)["interval_95_percent"]
        assert [low, high] == pytest.approx([-off, off], abs=2e-3)


def test_a_sum_with_a_metric_that_is_not_defined_is_not_defined():
    missing = {"value": None, "interval_95_percent": None}
    assert combined([estimate(0.8, 0.7, 0.9), missing], [1, -1], np.zeros((2, 3))) == missing


def test_a_predictive_value_lies_within_what_the_ends_of_both_shares_allow():
    wrong, right = estimate(0.1, 0.05, 0.2), estimate(0.9, 0.8, 0.95)
    found = predictive_value(wrong, right, 0.2)
    low, high = found["interval_95_percent"]
    assert found["value"] == pytest.approx(0.18 / (0.18 + 0.08))
    assert 0.16 / (0.16 + 0.16) < low < found["value"] < high < 0.19 / (0.19 + 0.04)
    swapped = predictive_value(right, wrong, 0.8)["interval_95_percent"]
    assert swapped == pytest.approx([1 - high, 1 - low])


def test_predictive_values_at_the_edges():
    none, all_of_them = estimate(0.0, 0.0, 0.2), estimate(1.0, 0.8, 1.0)
    low, high = predictive_value(none, all_of_them, 0.1)["interval_95_percent"]
    assert 0.3 < low < 0.5 and high == 1
    assert predictive_value(none, none, 0.1)["value"] is None
    assert predictive_value(all_of_them, none, 0.1)["value"] == 0
    assert predictive_value(none, all_of_them, 1.0) == estimate(1.0, 1.0, 1.0)
    assert predictive_value(none, all_of_them, 0.0)["value"] is None


def test_where_every_scan_is_right_no_interval_is_a_point():
    """Of all metrics of two classes, at thresholds, above abstention and between two networks."""
    labels = np.arange(24) % 2
    sure, unsure = (
        predictions(np.where(np.eye(2)[labels] > 0, each, 1 - each), labels, names=NAMES)
        for each in (0.9, 0.8)
    )
    found = classification_metrics(sure.probabilities, labels, sure.patients, NAMES)
    shapes = [found[name] for name in ("accuracy", "balanced_accuracy", "macro_f1", "macro_auc")]
    shapes += [each for metrics in found["one_vs_rest"].values() for each in metrics.values()]
    point = operating_point(sure, 1, 0.5, 0.1)
    shapes += [point[name] for name in ("sensitivity", "specificity", "ppv", "npv")]
    shapes += [abstention(sure)[0]["accuracy"], abstention(sure)[0]["predicted"]]
    for each in shapes:
        low, high = each["interval_95_percent"]
        assert each["value"] == high == 1 and low < 0.98
    low, high = paired_differences(sure, unsure)["accuracy"]["interval_95_percent"]
    assert low < 0 < high
