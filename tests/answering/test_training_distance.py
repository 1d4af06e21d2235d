"""How unlike its training scans a scan is: fitted once, kept in the model file, said of every answer."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_answers import NOT_FOUND, item

from scripts.answering import Predictor, fit_training_distance_once
from scripts.answering.sinks import prediction_row
from scripts.checkpoints import DistanceRecord, ModelFile
from scripts.transforms import ScanDataset

SAID = torch.tensor([[0.2, 0.3, 0.5]])


def record(features, threshold):
    """Distances from the origin, in the features' own units."""
    facts = {"directions": [], "variances": [], "rest": 1.0, "fitted_on": {}}
    return DistanceRecord(
        mean=[0.0] * len(features), scale=[1.0] * len(features), threshold=threshold, **facts
    )


def with_threshold(predictor, factor, **choices):
    """A predictor for which the item lies at ``1 / factor`` of the threshold."""
    made = Predictor(predictor.model.checkpoints[0], **choices)
    (features,) = made.features([item("a.nii.gz")])
    made.use_training_distance(record(features, factor * float(np.linalg.norm(features))))
    return made


@pytest.mark.parametrize(("factor", "flags"), [(0.5, ("unlike_training",)), (2.0, ())])
def test_a_scan_beyond_the_threshold_is_flagged(factor, flags, predictor):
    made = with_threshold(predictor, factor)
    (answer,) = made.answers([item("a.nii.gz")], SAID)
    assert answer.training_distance == pytest.approx(1 / factor)
    assert answer.flags == flags and not answer.abstain
    row = prediction_row(answer)
    assert row["training_distance"] == pytest.approx(1 / factor, abs=1e-3) and row["flags"] == " ".join(flags)


def test_by_option_nothing_is_predicted_for_it(predictor):
    (answer,) = with_threshold(predictor, 0.5, abstain_unlike=True).answers([item("a.nii.gz")], SAID)
    assert answer.abstain and answer.reason.startswith("unlike_training: 2.00 times as far")
    (usual,) = with_threshold(predictor, 2.0, abstain_unlike=True).answers([item("a.nii.gz")], SAID)
    assert not usual.abstain and usual.reason == ""


def test_a_refused_scan_and_a_model_that_does_not_know_have_no_distance(predictor):
    refused, answered = with_threshold(predictor, 0.5).answers(
        [item("gone", NOT_FOUND), item("a.nii.gz")], SAID.repeat(2, 1)
    )
    assert refused.training_distance is None and answered.training_distance is not None
    (unknown,) = predictor.answers([item("a.nii.gz")], SAID)
    assert unknown.training_distance is None and prediction_row(unknown)["training_distance"] == ""


def test_members_of_an_ensemble_have_none(predictor):
    made = with_threshold(predictor, 0.5)
    assert made.model.training_distance is not None
    assert replace(made.model, files=made.model.files * 2).training_distance is None


@pytest.fixture
def run(trained, tmp_path):
    for name in ("model.pt", "model.json"):
        shutil.copy(trained / name, tmp_path / name)
    return tmp_path


def data(predictor, items):
    return ScanDataset(
        [one | {"name": one["image"]} for one in items], predictor.model.preprocessing, keep_refused=True
    )


def test_it_is_fitted_once_and_stays_in_the_model_file(run, lists, capsys):
    predictor = Predictor(run / "model.pt")
    held_out = (lists["validation"] * 19)[:19]
    fit_training_distance_once(
        predictor, data(predictor, lists["training"]), data(predictor, held_out), num_workers=0
    )
    found = ModelFile.of(run / "model.pt").training_distance
    assert (
        found.fitted_on["training_scans"] == len(lists["training"])
        and predictor.model.training_distance == found
    )
    assert "distance to" in capsys.readouterr().out
    before = (run / "model.json").read_bytes()
    fit_training_distance_once(predictor, data(predictor, lists["validation"]), data(predictor, held_out))
    assert (run / "model.json").read_bytes() == before
    answers = list(Predictor(run / "model.pt").predict([lists["validation"][0]["image"]]))
    assert 0 < answers[0].training_distance < 1.01  # rounded otherwise in batches of another size


def test_scans_that_did_not_teach_the_checkpoint_do_not_say_what_is_usual(run, lists):
    predictor = Predictor(run / "model.pt")
    before = (run / "model.json").read_bytes()
    others = data(predictor, lists["test"])
    fit_training_distance_once(predictor, others, data(predictor, (lists["validation"] * 19)[:19]))
    assert (run / "model.json").read_bytes() == before and predictor.model.training_distance is None
