import hashlib
import logging

import numpy as np
import pytest
from toy_run import NAMES, answers, predictions, toy_datalist

from scripts.errors import UserError
from scripts.evaluation import (
    StoredCalibration,
    calibration_file,
    calibration_of,
    read_calibration,
    write_calibration,
)
from scripts.statistics import fit_calibration, with_temperature

ITEMS = toy_datalist(210)["validation"]
TABLE = predictions(
    answers(ITEMS),
    [item["label"] for item in ITEMS],
    [item["image"] for item in ITEMS],
    [item["patient"] for item in ITEMS],
    source="validation.csv",
)
PRIOR = [0.4, 0.3, 0.3]
SURE = np.array([0.05, 0.05, 0.9])


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    return tmp_path / "model.pt"


@pytest.fixture
def fitted(weights):
    calibration = fit_calibration(TABLE, NAMES, PRIOR)
    write_calibration(calibration, calibration_file(weights), weights)
    return calibration


def test_what_was_written_is_read(fitted, weights):
    owner = hashlib.sha256(b"weights").hexdigest()
    assert read_calibration(weights.parent / "calibration.json") == (fitted, owner)
    assert calibration_of(weights) == fitted
    assert fitted.fitted_on == {"source": "validation.csv", "scans": 30, "patients": 15}


def test_thresholds_reach_their_sensitivity_on_calibrated_probabilities(fitted):
    for index, name in enumerate(NAMES):
        called = fitted.apply(TABLE.probabilities)[:, index] >= fitted.thresholds[name]["value"]
        assert called[TABLE.labels == index].mean() >= fitted.sensitivity


def test_stored_calibration_is_applied(fitted, weights):
    stored = StoredCalibration(weights)
    stored.load()
    answer, above = stored(SURE)
    np.testing.assert_allclose(answer, with_temperature(SURE, fitted.temperature))
    assert "COVID-19" in above
    assert stored.settings()["calibration"]["temperature"] == fitted.temperature


def test_a_stated_prior_shifts_the_answer_but_not_what_is_above_threshold(fitted, weights):
    plain, rare = StoredCalibration(weights), StoredCalibration(weights, prior=[0.98, 0.01, 0.01])
    for each in (plain, rare):
        each.load()
    assert rare(SURE)[0][2] < plain(SURE)[0][2] / 2 and rare(SURE)[1] == plain(SURE)[1]


def test_without_a_file_the_network_s_answer_stands(weights):
    stored = StoredCalibration(weights)
    stored.load()
    assert stored(SURE) == (pytest.approx(SURE), []) and stored.settings() == {"calibration": None}


def test_the_calibration_of_other_weights_is_not_used(fitted, weights, caplog):
    weights.write_bytes(b"trained again")
    stored = StoredCalibration(weights)
    with caplog.at_level(logging.WARNING):
        stored.load()
    assert stored(SURE)[1] == [] and "belongs to other weights" in caplog.text


def test_a_prior_needs_to_know_what_was_trained_with(weights):
    with pytest.raises(UserError, match="evaluate the checkpoint first, or leave out --prior"):
        StoredCalibration(weights, prior=PRIOR).load()


@pytest.mark.parametrize("prior", [[0.5, 0.5, 0.5], [1.0, 0.0, 0.0], [0.9, 0.2, -0.1]])
def test_a_prior_is_shares(weights, prior):
    with pytest.raises(UserError, match="expected a positive share of each class"):
        StoredCalibration(weights, prior)


def test_another_file_in_its_place_is_named(weights):
    calibration_file(weights).write_text('{"temperature": 2}')
    with pytest.raises(UserError, match=r"calibration.json: not a calibration"):
        StoredCalibration(weights).load()
