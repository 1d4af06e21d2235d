import hashlib
import json

import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor

from scripts.errors import UserError
from scripts.evaluation import (
    PredictionWriter,
    StoredCalibration,
    fail_if_refused,
    write_calibration,
    write_metrics,
)
from scripts.statistics import Calibration, read_predictions

NAMES = {"0": "non-pneumonia", "1": "other pneumonia", "2": "COVID-19"}
IMAGE = MetaTensor(torch.zeros(1, 4, 5, 6), meta={"flags": "thick_slices", "intensity": "HU"})
ACCEPTED, NOT_FOUND = {"code": "", "message": ""}, {"code": "not_found", "message": "no such file"}
GOOD = {"image": IMAGE, "name": "a.nii.gz", "patient": "p1", "label": torch.tensor(2), "refusal": ACCEPTED}
REFUSED = GOOD | {"name": "b.nii.gz", "patient": "p2", "refusal": NOT_FOUND}
SURE, TORN = torch.tensor([0.1, 0.2, 0.7]), torch.tensor([0.4, 0.3, 0.3])


def write(folder, items, probabilities, stop_after=None, **kwargs):
    """Drive the writer by an engine that yields one scan a batch."""
    (folder / "model.pt").write_bytes(b"weights")

    def step(engine, index):
        if index == stop_after:
            raise RuntimeError("power cut")
        engine.state.batch = [items[index]]
        return [{"pred": probabilities[index]}]

    writer = PredictionWriter(
        folder, NAMES, folder / "model.pt", "0.1.0", {"spatial_shape": [4, 5, 6]}, **kwargs
    )
    engine = Engine(step)
    writer.attach(engine)
    engine.run(range(len(items)))
    return read_predictions(folder / "predictions.csv")


def test_a_row_has_the_contract_s_fields(tmp_path):
    (row,) = write(tmp_path, [GOOD], [SURE])
    assert row == {
        "image": "a.nii.gz", "patient": "p1", "label": "2",
        "prob_non_pneumonia": "0.1", "prob_other_pneumonia": "0.2", "prob_covid_19": "0.7",
        "prediction": "COVID-19", "above_threshold": "", "abstain": "False", "reason": "",
        "flags": "thick_slices", "heat_map": "",
    }  # fmt: skip


def test_a_refused_scan_keeps_its_row_without_probabilities(tmp_path):
    refused, good = write(tmp_path, [REFUSED, GOOD], [SURE, SURE])
    assert refused["prob_covid_19"] == refused["prediction"] == ""
    assert refused["reason"] == "not_found: no such file"
    assert refused["abstain"] == "True"
    assert good["prediction"] == "COVID-19"


def test_a_network_that_gives_nan_is_not_believed(tmp_path):
    (row,) = write(tmp_path, [GOOD], [torch.full((3,), torch.nan)])
    assert row["prediction"] == "" and row["reason"].startswith("non_finite_output")


def test_an_uncertain_scan_abstains_but_shows_its_probabilities(tmp_path):
    (row,) = write(tmp_path, [GOOD], [TORN], abstain_below=0.5)
    assert (
        row["abstain"] == "True"
        and row["prob_non_pneumonia"] == "0.4"
        and row["reason"].startswith("uncertain")
    )


def test_json_has_the_same_rows_with_version_hash_and_settings(tmp_path):
    rows = write(tmp_path, [GOOD, REFUSED], [SURE, SURE])
    content = json.loads((tmp_path / "predictions.json").read_text())
    assert [{key: str(value) for key, value in row.items()} for row in content["predictions"]] == rows
    assert content["version"] == "0.1.0" and content["settings"] == {
        "spatial_shape": [4, 5, 6],
        "intensity": {"HU": 1},
    }
    assert content["checkpoint_sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert "research use only" in content["intended_use"]


def test_rows_stand_by_position_and_those_without_one_as_they_came(tmp_path):
    late, early = GOOD | {"name": "2", "position": 2}, GOOD | {"name": "1", "position": 1}
    rows = write(tmp_path, [GOOD, late, early, GOOD], [SURE] * 4)
    assert [row["image"] for row in rows] == ["a.nii.gz", "a.nii.gz", "1", "2"]


def test_stored_calibration_changes_the_probabilities_and_is_in_the_settings(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    found = {"value": 0.5, "interval_95_percent": None}
    thresholds = dict.fromkeys(NAMES.values(), found)
    stored = Calibration(list(NAMES.values()), 2.0, False, [0.4, 0.3, 0.3], 0.95, thresholds, {})
    write_calibration(stored, tmp_path / "calibration.json")
    (row,) = write(tmp_path, [GOOD], [SURE], calibration=StoredCalibration(tmp_path / "model.pt"))
    roots = [value**0.5 for value in (0.1, 0.2, 0.7)]
    assert float(row["prob_covid_19"]) == pytest.approx(roots[2] / sum(roots), abs=1e-6)
    assert row["above_threshold"] == row["prediction"] == "COVID-19"
    settings = json.loads((tmp_path / "predictions.json").read_text())["settings"]
    assert settings["calibration"]["temperature"] == 2.0 and settings["calibration"]["prior"] is None


def test_an_interrupted_run_keeps_the_rows_it_had(tmp_path):
    with pytest.raises(RuntimeError, match="power cut"):
        write(tmp_path, [GOOD, GOOD, GOOD], [SURE] * 3, stop_after=2)
    assert len(read_predictions(tmp_path / "predictions.csv")) == 2


def test_exit_status_is_1_only_when_a_scan_was_refused(tmp_path, capsys):
    write(tmp_path, [GOOD], [SURE])
    fail_if_refused(tmp_path)
    assert "1 of 1 scans answered" in capsys.readouterr().out
    write(tmp_path, [GOOD, REFUSED], [SURE, SURE])
    with pytest.raises(SystemExit) as status:
        fail_if_refused(tmp_path)
    assert status.value.code == 1
    assert "refused b.nii.gz: not_found: no such file" in capsys.readouterr().out


def test_metrics_leave_refused_scans_out_and_count_them(tmp_path):
    write(
        tmp_path,
        [GOOD, REFUSED, GOOD | {"name": "c.nii.gz", "label": 0, "patient": "p3"}],
        [SURE, SURE, TORN],
    )
    write_metrics(tmp_path, NAMES)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["scans"] == 2 and metrics["refused_scans"] == 1 and metrics["accuracy"]["value"] == 1.0


def test_metrics_of_nothing_but_refused_scans_are_an_error(tmp_path):
    write(tmp_path, [REFUSED], [SURE])
    with pytest.raises(UserError, match="all 1 scans were refused"):
        write_metrics(tmp_path, NAMES)
