"""Calibration: fitted once on the scans that selected, kept in the model file, applied by all clients."""

import json
import shutil

import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow

from scripts import bundle_root
from scripts.answering import Calibrated, Predictor, calibrate_once
from scripts.answering.models import as_calibration
from scripts.checkpoints import EnsembleFile, ModelFile
from scripts.transforms import ScanDataset


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the trained run that may be calibrated."""
    for name in ("model.pt", "model.json"):
        shutil.copy(trained / name, tmp_path / name)
    return tmp_path


def selecting(predictor, lists, count=None):
    items = [item | {"name": item["image"]} for item in lists["validation"][:count]]
    return ScanDataset(items, predictor.model.preprocessing, keep_refused=True)


def test_training_writes_what_the_model_is_and_which_scans_taught_it(trained, lists, phantoms):
    described = ModelFile.of(trained / "model.pt")  # which it is bound to
    assert described.classes == ["non-pneumonia", "other pneumonia", "COVID-19"]
    assert described.network.target == "scripts.networks.pa_66_m" and described.window == [-500, 1500]
    assert described.training_prior == [0.4, 0.3, 0.3] and described.calibration is None
    assert (
        described.seed == 0
        and described.fold is None
        and set(described.versions) == {"bundle", "torch", "monai"}
    )
    predictor = Predictor(trained / "model.pt")
    for part in ("training", "validation"):
        answers = predictor.predict([item["image"] for item in lists[part]])
        assert {answer.content_hash for answer in answers} == set(getattr(described.taught_by, part))
    assert len(described.datalist_sha256) == 64
    assert predictor.settings()["model"]["members"][0]["preprocessing_changed"] is False


def test_it_lies_in_the_model_file_and_stays_there(run, lists, capsys):
    predictor = Predictor(run / "model.pt")
    calibrate_once(predictor, selecting(predictor, lists), sensitivity=0.9)
    found = ModelFile.of(run / "model.pt").calibration
    assert found.sensitivity == 0.9 and found.fitted_on["scans"] == len(lists["validation"])
    assert found.training_prior == [0.4, 0.3, 0.3] and found.temperature > 0
    assert predictor.model.calibration == as_calibration(found)
    before = (run / "model.json").read_bytes()
    later = Predictor(run / "model.pt")
    calibrate_once(later, selecting(later, lists, 2))
    assert (run / "model.json").read_bytes() == before and "calibrated before" in capsys.readouterr().out


def test_thresholds_reach_their_sensitivity_on_calibrated_probabilities(run, lists):
    predictor = Predictor(run / "model.pt")
    calibrate_once(predictor, selecting(predictor, lists), sensitivity=0.95)
    paths, labels = zip(*((item["image"], item["label"]) for item in lists["validation"]), strict=True)
    answers = list(predictor.predict(paths))
    for index, name in enumerate(predictor.classes):
        of_class = [answer for answer, label in zip(answers, labels, strict=True) if label == index]
        called = [name in answer.above_threshold for answer in of_class]
        assert not called or np.mean(called) >= 0.95


def test_without_a_validation_list_nothing_is_fitted_and_it_is_said(run, lists, tmp_path, capsys):
    predictor = Predictor(run / "model.pt")
    before = (run / "model.json").read_bytes()
    calibrate_once(predictor, selecting(predictor, lists, 0))
    gone = [{"image": str(tmp_path / "gone.nii.gz"), "name": "gone", "label": 1}]
    calibrate_once(predictor, ScanDataset(gone, predictor.model.preprocessing, keep_refused=True))
    assert capsys.readouterr().out.count("stay uncalibrated") == 2
    assert (run / "model.json").read_bytes() == before


def test_an_ensemble_is_not_calibrated_by_an_evaluation(run, lists, save_model, tmp_path):
    save_model(tmp_path / "b.pt", spatial_shape=[24, 24, 16])
    EnsembleFile.write(tmp_path / "ensemble.json", [run / "model.pt", tmp_path / "b.pt"])
    before = {path: path.read_bytes() for path in tmp_path.glob("*.json")}
    for checkpoint in (tmp_path / "ensemble.json", [run / "model.pt", tmp_path / "b.pt"]):
        predictor = Predictor(checkpoint)
        calibrate_once(predictor, selecting(predictor, lists))
        assert predictor.model.calibration is None
    assert {path: path.read_bytes() for path in tmp_path.glob("*.json")} == before


def test_every_client_that_runs_the_postprocessing_gives_the_report_s_probabilities(
    trained, lists, calibration_record, tmp_path
):
    """Oracle: the predictor. The workflow is driven as MONAI Label and Deploy do, without our handlers."""
    shutil.copy(trained / "model.pt", tmp_path / "model.pt")
    described = ModelFile.of(trained / "model.pt")
    described.model_copy(update={"calibration": calibration_record(1.7)}).write(tmp_path / "model.pt")
    path = lists["test"][0]["image"]
    prior = {"prior": [0.8, 0.1, 0.1]}
    expected = Predictor(tmp_path / "model.pt", **prior)(path)
    workflow = ConfigWorkflow(
        f"{bundle_root()}/configs/inference.yaml", workflow_type="inference", logging_file=False, scans=path,
        ckpt_path=str(tmp_path / "model.pt"), output_dir=str(tmp_path), num_workers=0, **prior,
    )  # fmt: skip
    workflow.initialize()
    item = workflow.preprocessing({"image": path})
    with torch.no_grad():
        logits = workflow.inferer(
            item["image"].as_tensor()[None], workflow.parser.get_parsed_content("network")
        )
    said = workflow.postprocessing({"pred": logits[0]})
    np.testing.assert_allclose(said["pred"], list(expected.probabilities.values()), atol=1e-6)
    np.testing.assert_allclose(said["raw"], list(expected.raw.values()), atol=1e-6)
    assert expected.raw != expected.probabilities


def test_the_transform_keeps_what_it_got_and_its_kind(run, calibration_record):
    predictor = Predictor(run / "model.pt")
    predictor.use_calibration(as_calibration(calibration_record(2.0)))
    raw = torch.tensor([0.1, 0.2, 0.7])
    data = {"pred": raw, "name": "a"}
    found = Calibrated("pred", predictor)(data)
    assert data == {"pred": raw, "name": "a"} and torch.equal(found["raw"], raw)
    rooted = raw.sqrt()
    torch.testing.assert_close(found["pred"], rooted / rooted.sum())
    assert found["pred"].dtype == raw.dtype
    broken = torch.tensor([torch.nan, 0.5, 0.5])
    assert Calibrated("pred", predictor)({"pred": broken})["pred"].isnan().tolist() == [True, False, False]
    assert torch.equal(Calibrated("pred", None)({"pred": raw})["pred"], raw)


def test_what_a_run_records_says_how_it_was_calibrated(run, lists):
    predictor = Predictor(run / "model.pt")
    calibrate_once(predictor, selecting(predictor, lists))
    settings = json.loads(json.dumps(predictor.settings()))
    assert settings["calibration"]["temperature"] == predictor.model.calibration.temperature
