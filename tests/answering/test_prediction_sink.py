"""predictions.csv and predictions.json: what stands in them, whatever happens on the way."""

import json

import numpy as np
import pytest
import torch
from toy_answers import NAMES, NOT_FOUND, item

from scripts.answering import PredictionFiles, Predictor, fail_if_refused
from scripts.errors import UserError
from scripts.journal import Journal, UnansweredBatches
from scripts.networks import weights_hash
from scripts.report import write_metrics
from scripts.statistics import read_predictions

SURE, UNSURE = torch.tensor([0.1, 0.2, 0.7]), torch.tensor([0.4, 0.3, 0.3])


def good(name="a.nii.gz", **more):
    return item(name, flags="thick_slices", **{"patient": "p1", "label": torch.tensor(2), **more})


def refused(name="b.nii.gz"):
    return item(name, NOT_FOUND, patient="p2", label=torch.tensor(2))


@pytest.fixture
def write(predictor, drive, tmp_path):
    """Write what a network said of some items, one scan a batch; return the rows."""

    def run(items, raw, predictor=predictor, **options):
        sink = PredictionFiles(tmp_path, "0.1.0", {"batch_size": 1})
        drive(predictor, [sink], [[one] for one in items], [[said] for said in raw], **options)
        return read_predictions(tmp_path / "predictions.csv")

    return run


def test_a_row_has_the_contract_s_fields(write):
    (row,) = write([good()], [SURE])
    assert row == {
        "image": "a.nii.gz", "patient": "p1", "label": "2",
        "prob_non_pneumonia": "0.100000001", "prob_other_pneumonia": "0.200000003",
        "prob_covid_19": "0.699999988",
        "raw_prob_non_pneumonia": "0.100000001", "raw_prob_other_pneumonia": "0.200000003",
        "raw_prob_covid_19": "0.699999988",
        "prediction": "COVID-19", "above_threshold": "", "abstain": "False",
        "reason": "", "flags": "thick_slices", "heat_map": "", "training_distance": "",
    }  # fmt: skip


def test_the_table_holds_a_float32_exactly(write):
    raw = torch.rand(3)
    (row,) = write([good()], [raw])
    found = [row[f"raw_prob_{name}"] for name in ("non_pneumonia", "other_pneumonia", "covid_19")]
    assert np.array_equal(np.array(found, dtype=np.float32), raw.numpy())


def test_a_refused_scan_keeps_its_row_without_probabilities(write):
    first, second = write([refused(), good()], [SURE, SURE])
    assert first["prob_covid_19"] == first["raw_prob_covid_19"] == first["prediction"] == ""
    assert first["reason"] == "not_found: no such file" and first["abstain"] == "True"
    assert second["prediction"] == "COVID-19"


def test_a_network_that_gives_nan_is_not_believed(write):
    (row,) = write([good()], [torch.full((3,), torch.nan)])
    assert row["prediction"] == "" and row["reason"].startswith("non_finite_output")


def test_an_uncertain_scan_abstains_but_shows_its_probabilities(write, checkpoint):
    (row,) = write([good()], [UNSURE], Predictor(checkpoint, abstain_below=0.5))
    assert row["abstain"] == "True" and row["reason"].startswith("uncertain")
    assert float(row["prob_non_pneumonia"]) == pytest.approx(0.4) and row["prediction"] == "non-pneumonia"


def test_json_has_the_same_rows_with_version_hash_and_what_the_model_is(write, checkpoint, tmp_path):
    rows = write([good(), refused()], [SURE, SURE])
    content = json.loads((tmp_path / "predictions.json").read_text())
    assert [{key: str(value) for key, value in row.items()} for row in content["predictions"]] == rows
    assert content["version"] == "0.1.0" and content["checkpoint_sha256"] == weights_hash(checkpoint)
    settings = content["settings"]
    assert settings["intensity"] == {"HU": 1} and settings["batch_size"] == 1
    (member,) = settings["model"]["members"]
    assert member["network"]["target"] == "scripts.networks.pa_66_m" and member["window"] == [-500, 1500]
    assert settings["calibration"] is None and settings["inferer"] == "SimpleInferer"
    assert "research use only" in content["intended_use"]


def test_rows_stand_by_position(write):
    rows = write([good("2", position=2), good("0", position=0), good("1", position=1)], [SURE] * 3)
    assert [row["image"] for row in rows] == ["0", "1", "2"]


def test_the_model_file_s_calibration_changes_the_probabilities_and_is_in_the_settings(
    write, tmp_path, save_model, calibration_record
):
    facts = {"calibration": calibration_record(2.0, threshold=0.45)}
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16], facts=facts)
    (row,) = write([good()], [SURE], Predictor(tmp_path / "model.pt"))
    roots = [value**0.5 for value in (0.1, 0.2, 0.7)]
    assert float(row["prob_covid_19"]) == pytest.approx(roots[2] / sum(roots), abs=1e-6)
    assert float(row["raw_prob_covid_19"]) == pytest.approx(0.7)
    assert row["above_threshold"] == row["prediction"] == "COVID-19"
    settings = json.loads((tmp_path / "predictions.json").read_text())["settings"]
    assert settings["calibration"]["temperature"] == 2.0 and settings["prior"] is None


def test_an_interrupted_run_keeps_the_rows_it_had(write, tmp_path):
    with pytest.raises(RuntimeError, match="power cut"):
        write([good(), good(), good()], [SURE] * 3, stop_after=2)
    assert len(read_predictions(tmp_path / "predictions.csv")) == 2


def test_exit_status_is_1_only_when_a_scan_was_refused(write, tmp_path, capsys):
    write([good()], [SURE])
    fail_if_refused(tmp_path)
    assert "1 of 1 scans answered" in capsys.readouterr().out
    write([good(), refused()], [SURE, SURE])
    with pytest.raises(SystemExit) as status:
        fail_if_refused(tmp_path)
    assert status.value.code == 1
    assert "refused b.nii.gz: not_found: no such file" in capsys.readouterr().out


def test_metrics_leave_refused_scans_out_and_count_them(write, tmp_path):
    write([good(), refused(), good("c", label=torch.tensor(0), patient="p3")], [SURE, SURE, UNSURE])
    write_metrics(tmp_path, NAMES)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["scans"] == 2 and metrics["refused_scans"] == 1


def test_metrics_of_nothing_but_refused_scans_are_an_error(write, tmp_path):
    write([refused()], [SURE])
    with pytest.raises(UserError, match="all 1 scans were refused"):
        write_metrics(tmp_path, NAMES)


@pytest.mark.parametrize("stop_after", [0, 1, 2])
def test_a_run_that_was_killed_goes_on_to_the_bytes_of_one_that_was_not(
    predictor, drive, tmp_path, stop_after
):
    names = ["=a.nii.gz", "b.nii.gz", "c.nii.gz"]

    def start(folder, scans, **options):
        """Answer what is left of the scans; their journal is that of the folder."""
        journal = Journal(folder, [{"name": name} for name in scans], str, predictor.identity())
        items = [refused(name) if name[0] == "b" else good(name) for name in scans]
        batches = [[items[index] | {"position": index}] for (index,) in UnansweredBatches(journal, 1)]
        said = [[SURE]] * len(batches)
        drive(predictor, [PredictionFiles(folder, "0.1.0")], batches, said, journal=journal, **options)

    def agree(folder):
        rows = read_predictions(folder / "predictions.csv")
        path = folder / "predictions.json"
        if path.exists():
            content = json.loads(path.read_text())["predictions"]
            assert [{key: str(value) for key, value in row.items()} for row in content] == rows
        return [row["image"] for row in rows]

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    start(whole, names)
    with pytest.raises(RuntimeError, match="power cut"):
        start(stopped, names, stop_after=stop_after)
    assert agree(stopped) == names[:stop_after]
    start(stopped, names)
    contents = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in (whole, stopped)]
    assert contents[0] == contents[1] and len(contents[0]) == 3
    with pytest.raises(RuntimeError, match="power cut"):  # more scans come, and nothing that was there goes
        start(stopped, [*names, "d.nii.gz", "e.nii.gz"], stop_after=2)
    assert agree(stopped) == [*names, "d.nii.gz"] and not (stopped / "predictions.json").exists()
