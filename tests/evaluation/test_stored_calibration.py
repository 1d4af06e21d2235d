import hashlib

import numpy as np
import pytest
from toy_run import NAMES, answers, toy_datalist

from scripts.errors import UserError
from scripts.evaluation.calibration import with_temperature
from scripts.evaluation.stored_calibration import (
    Calibration,
    calibration_file,
    fit_calibration,
)
from scripts.evaluation.table import PredictionTable

ITEMS = toy_datalist(210)["validation"]
TABLE = PredictionTable(
    "validation.csv",
    [item["image"] for item in ITEMS],
    [item["patient"] for item in ITEMS],
    np.array([item["label"] for item in ITEMS]),
    answers(ITEMS),
)
PRIOR = [0.4, 0.3, 0.3]
SURE = np.array([0.05, 0.05, 0.9])


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    return tmp_path / "model.pt"


@pytest.fixture
def fitted(weights):
    calibration = fit_calibration(TABLE, NAMES, PRIOR, ckpt_path=weights)
    calibration.write(calibration_file(weights))
    return calibration


def test_what_was_written_is_read(fitted, weights):
    assert Calibration.read(weights.parent / "calibration.json") == fitted
    assert fitted.checkpoint_sha256 == hashlib.sha256(b"weights").hexdigest()
    assert fitted.fitted_on == {"source": "validation.csv", "scans": 30, "patients": 15}


def test_thresholds_reach_their_sensitivity_on_calibrated_probabilities(fitted):
    for index, name in enumerate(NAMES):
        called = fitted.apply(TABLE.probabilities)[:, index] >= fitted.thresholds[name]["value"]
        assert called[TABLE.labels == index].mean() >= fitted.sensitivity


def test_it_is_applied_with_or_without_a_prior_and_can_be_undone(fitted):
    np.testing.assert_allclose(fitted.apply(SURE), with_temperature(SURE, fitted.temperature))
    for prior in (None, [0.98, 0.01, 0.01]):
        np.testing.assert_allclose(fitted.undo(fitted.apply(SURE, prior), prior), SURE, atol=1e-9)


def test_another_file_in_its_place_is_named(weights):
    calibration_file(weights).write_text('{"temperature": 2}')
    with pytest.raises(UserError, match=r"calibration.json: not a calibration"):
        Calibration.of(weights)
