import numpy as np
import pytest
from scipy.special import softmax
from toy_run import predictions

from scripts.statistics import (
    calibration_error,
    fit_temperature,
    reliability,
    with_prior,
    with_temperature,
)


def drawn(scans=6000, sharpness=1.0, prior=(1 / 3, 1 / 3, 1 / 3), seed=0):
    """Labels from the prior, and the exact posterior of Gaussian scores, too sure by `sharpness`."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, size=scans, p=prior)
    scores = random.normal(size=(scans, 3)) + 1.5 * np.eye(3)[labels]
    return softmax(sharpness * 1.5 * scores, axis=1), labels  # log-likelihood ratios of N(1.5, 1) to N(0, 1)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_known_sharpness(sharpness):
    temperature, at_end = fit_temperature(*drawn(sharpness=sharpness))
    assert temperature == pytest.approx(sharpness, rel=0.05) and not at_end


def test_temperature_changes_no_prediction_and_its_inverse_undoes_it():
    probabilities, _ = drawn(50)
    cooled = with_temperature(probabilities, 2.5)
    assert (cooled.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    np.testing.assert_allclose(with_temperature(cooled, 1 / 2.5), probabilities, atol=1e-6)


def test_a_prior_shift_is_not_mistaken_for_overconfidence():
    probabilities, labels = drawn(8000, prior=(0.05, 0.05, 0.9))
    assert fit_temperature(probabilities, labels, [1 / 3] * 3)[0] == pytest.approx(1, abs=0.1)


def test_predictions_without_an_error_stop_at_the_end_of_the_range():
    probabilities = softmax(4 * np.eye(3)[[0, 1, 2, 1]], axis=1)
    assert fit_temperature(probabilities, np.array([0, 1, 2, 1]))[1]


def test_the_prior_correction_is_bayes_rule():
    rare = with_prior(np.array([0.5, 0.25, 0.25]), [0.5, 0.25, 0.25], [0.98, 0.01, 0.01])
    np.testing.assert_allclose(rare, [0.98, 0.01, 0.01])
    probabilities, labels = drawn(4000, prior=(0.8, 0.1, 0.1))
    corrected = with_prior(probabilities, [1 / 3] * 3, [0.8, 0.1, 0.1])
    right, wrong = (calibration_error(predictions(each, labels)) for each in (corrected, probabilities))
    assert right["ece"]["value"] < 0.015
    assert right["cross_entropy"]["value"] < wrong["cross_entropy"]["value"] - 0.05
    assert right["brier"]["interval_95_percent"][1] < wrong["brier"]["interval_95_percent"][0]


def test_hand_worked_errors():
    """Bin (0.6, 0.7]: confidence 0.65, accuracy 0.5. Bin (0.8, 0.9]: 0.9 against 1."""
    probabilities = np.array([[0.7, 0.3, 0], [0.6 + 1e-9, 0.4 - 1e-9, 0], [0.05, 0.05, 0.9], [0.9, 0.1, 0]])
    errors = calibration_error(predictions(probabilities, np.array([0, 1, 2, 0])))
    assert errors["ece"]["value"] == pytest.approx((abs(1.3 - 1) + abs(1.8 - 2)) / 4, abs=1e-6)
    brier = (0.3**2 * 2 + 0.6**2 * 2 + 0.05**2 * 2 + 0.1**2 + 0.1**2 * 2) / 4
    assert errors["brier"]["value"] == pytest.approx(brier)
    assert errors["cross_entropy"]["value"] == pytest.approx(-np.log([0.7, 0.4, 0.9, 0.9]).mean())
    bins = reliability(probabilities, np.array([0, 1, 2, 0]))
    assert [(each["low"], each["scans"], each["accuracy"]) for each in bins] == [(0.6, 2, 0.5), (0.8, 2, 1)]


def test_intervals_hold_their_value():
    for each in calibration_error(predictions(*drawn(300))).values():
        assert each["interval_95_percent"][0] <= each["interval_95_percent"][1]
    brier = calibration_error(predictions(*drawn(300)))["brier"]
    assert brier["interval_95_percent"][0] < brier["value"] < brier["interval_95_percent"][1]
