"""Two folds of small phantoms, two epochs of one batch each, through configs/cross_validate.yaml."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from ignite.engine import Events
from small_runs import CALIBRATED, RAW, table

from scripts import bundle_root
from scripts.checkpoints import EnsembleFile, ModelFile
from scripts.datalists import read_datalist
from scripts.errors import UserError
from scripts.experiments import Experiment, cross_validate
from scripts.experiments.fold import Fold
from scripts.statistics import read_predictions


@pytest.fixture
def experiment(phantoms, cross_validation, small):
    """The experiment that the finished folder holds."""
    return Experiment(phantoms, cross_validation / "cache", settings={"seed": 0, **small})


@pytest.fixture
def copied(cross_validation, tmp_path):
    """A copy of the finished folder, to be changed."""
    ignored = shutil.ignore_patterns("cache", "last_state.pt", "tensorboard")
    return shutil.copytree(cross_validation, tmp_path / "copy", ignore=ignored)


def test_every_scan_of_training_is_predicted_once_by_the_network_of_its_own_fold(phantoms, cross_validation):
    rows = read_predictions(cross_validation / "held_out.csv")
    items = read_datalist(phantoms / "datalist.json")["training"]
    assert {row["image"]: (row["fold"], row["label"]) for row in rows} == {
        item["name"]: (str(item["fold"]), str(item["label"])) for item in items
    }
    assert len(rows) == len(items)


def test_the_folder_holds_what_a_report_needs(phantoms, cross_validation):
    lists = read_datalist(phantoms / "datalist.json")
    for name in ("validation", "test"):
        assert list(table(cross_validation / f"{name}.csv")) == [item["name"] for item in lists[name]]
    for fold in ("0", "1"):
        folder = cross_validation / "folds" / fold
        files = ("model.pt", "last_state.pt", "config.yaml", "environment.json", "test_flipped.csv")
        assert all((folder / name).is_file() for name in files) and list((folder / "tensorboard").iterdir())
        with (folder / "history.csv").open() as file:
            history = list(csv.DictReader(file))
        assert [row["epoch"] for row in history] == ["1", "2"]
        assert all(all(row.values()) for row in history)
    record = json.loads((cross_validation / "run.json").read_text())
    assert record["seed"] == 0 and record["datalist"] == str(phantoms / "datalist.json")
    assert record["parameters"]["trainable"] and record["environment"]["packages"]["monai"]
    assert all(fold["seconds"] > 0 for fold in record["folds"].values())


@pytest.mark.parametrize("name", ["validation.csv", "test.csv", "test_flipped.csv"])
def test_the_ensemble_is_the_mean_of_two_different_networks(name, cross_validation):
    first, second = (table(cross_validation / "folds" / fold / name, RAW) for fold in ("0", "1"))
    mean = table(cross_validation / name, RAW)
    for image, values in mean.items():
        assert first[image] != second[image]
        np.testing.assert_allclose(values, np.mean([first[image], second[image]], axis=0), atol=2e-7)


def test_the_folds_networks_share_nothing_but_their_shape(cross_validation):
    weights = [torch.load(cross_validation / "folds" / fold / "model.pt") for fold in ("0", "1")]
    assert not any(torch.equal(value, weights[1][name]) for name, value in weights[0].items()
                   if name.endswith("conv.weight") or value.ndim == 5)  # fmt: skip


def test_flips_change_the_answers_and_have_their_cost(cross_validation):
    plain, flipped = (table(cross_validation / name, RAW) for name in ("test.csv", "test_flipped.csv"))
    assert all(plain[image] != flipped[image] for image in plain)
    costs = json.loads((cross_validation / "costs.json").read_text())
    assert costs["ensemble"] == pytest.approx(2 * costs["single_network"])
    assert costs["ensemble_with_flips"] > costs["ensemble"] > 0


def test_finished_folds_are_not_repeated(experiment, cross_validation, capsys):
    before = (cross_validation / "folds/0/model.pt").stat().st_mtime_ns
    cross_validate(experiment, cross_validation, flips=True)
    assert "2 of this process's 2 trainings are finished" in capsys.readouterr().out
    assert (cross_validation / "folds/0/model.pt").stat().st_mtime_ns == before


def test_a_fold_interrupted_in_training_and_in_predicting_ends_as_an_uninterrupted_one(
    experiment, cross_validation, tmp_path, monkeypatch
):
    def stop(*_):
        raise RuntimeError("power cut")

    fold = Fold(experiment, 0, tmp_path / "fold")
    cuts = {
        "Forecast": lambda trainer, folds: trainer.add_event_handler(Events.EPOCH_COMPLETED, stop),
        "predict": stop,
    }
    for epochs, (name, cut) in enumerate(cuts.items(), start=1):
        with monkeypatch.context() as patch:
            patch.setattr(f"scripts.experiments.fold.{name}", cut)
            with pytest.raises(RuntimeError):
                fold.complete(folds_left=1)
        assert torch.load(fold.folder / "last_state.pt")["progress"]["epoch"] == epochs
        assert not fold.is_complete(flips=False)
    fold.complete(folds_left=1)
    whole = cross_validation / "folds" / "0"
    assert table(fold.folder / "held_out.csv", RAW) == table(whole / "held_out.csv", RAW)
    assert (fold.folder / "history.csv").read_text() == (whole / "history.csv").read_text()


def test_a_report_is_written_when_asked_for(experiment, copied):
    cross_validate(experiment, copied, report=True)
    content = json.loads((copied / "report.json").read_text())
    assert {"held_out", "test"} <= set(content["sets"]) and (copied / "report.html").is_file()


def test_the_calibrations_are_fitted_and_applied_without_a_report(cross_validation):
    """The fixture ran with ``report=False``."""
    for place in (cross_validation, cross_validation / "folds" / "0"):
        alone = (place / "model.pt").is_file()
        record = (
            ModelFile.of(place / "model.pt") if alone else EnsembleFile.read(place / "ensemble.json")
        ).calibration
        stored = record.calibration()
        assert stored.fitted_on["source"] == "the validation list"
        raw, calibrated = (table(place / "test.csv", columns) for columns in (RAW, CALIBRATED))
        np.testing.assert_allclose(
            list(calibrated.values()), stored.apply(np.array(list(raw.values()))), rtol=1e-6
        )
    by_fold = {row["image"]: row["fold"] for row in read_predictions(cross_validation / "held_out.csv")}
    raw, calibrated = (table(cross_validation / "held_out.csv", columns) for columns in (RAW, CALIBRATED))
    for image, fold in by_fold.items():
        own = ModelFile.of(cross_validation / "folds" / fold / "model.pt").calibration.calibration()
        np.testing.assert_allclose(calibrated[image], own.apply(np.array(raw[image])), rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "recipe", "message"),
    [
        ({"max_epochs": 3}, None, r"--max_epochs \(2 then, 3 now\)"),
        ({}, "recipe_wa_66.yaml", "configs/recipe_wa_66.yaml"),
        ({"seed": 1, "num_workers": 4}, None, r"changed: --seed \(0 then, 1 now\)\."),
    ],
)
def test_another_experiment_does_not_go_on_in_the_folder(settings, recipe, message, phantoms, copied, small):
    other = Experiment(phantoms, copied / "cache", recipe, {"seed": 0, **small, **settings})
    with pytest.raises(UserError, match=message):
        cross_validate(other, copied)


def test_another_datalist_does_not_go_on_in_the_folder(phantoms, copied, small, tmp_path):
    content = json.loads((phantoms / "datalist.json").read_text())
    content["training"].reverse()
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    other = Experiment(tmp_path, copied / "cache", settings={"seed": 0, **small})
    with pytest.raises(UserError, match="since then changed: the datalist"):
        cross_validate(other, copied)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda row: row | {"label": str((int(row["label"]) + 1) % 3)},
            "has label . in the datalist|in the datalist",
        ),
        (lambda row: row | {"prob_covid_19": "0.9"}, "sum to 1.*; expected 1"),
        (lambda row: row | {"image": "elsewhere.nii.gz"}, "do not fit the . scans of the datalist"),
    ],
    ids=["swapped_labels", "probabilities_that_do_not_sum_to_one", "scan_of_another_list"],
)
def test_spoilt_predictions_are_not_pooled(spoil, message, experiment, copied):
    path = copied / "folds" / "1" / "held_out.csv"
    rows = read_predictions(path)
    rows[0] = spoil(rows[0])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(UserError, match=message):
        cross_validate(experiment, copied)


def test_a_forecast_follows_the_first_epoch(experiment, tmp_path, capsys):
    Fold(experiment, 1, tmp_path)._train(folds_left=3)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "forecast" in line]
    assert "5 epochs left in 3 folds" in line


@pytest.mark.slow
def test_two_processes_take_the_folds_in_turn_and_pool_the_same_predictions(
    phantoms, cross_validation, small, tmp_path
):
    knobs = [word for key, value in small.items() for word in (f"--{key}", str(value).replace(" ", ""))]
    places = ["--dataset_dir", str(phantoms), "--output_dir", str(tmp_path)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "monai.bundle"]
    command = [*torchrun, "run", "cross_validation", "--config_file", "configs/cross_validate.yaml"]
    done = subprocess.run(
        [*command, *places, *knobs, "--report", "False"],
        cwd=bundle_root(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("held_out.csv", "test.csv"):
        alone, together = table(cross_validation / name), table(tmp_path / name)
        assert alone.keys() == together.keys()
        np.testing.assert_allclose(list(alone.values()), list(together.values()), atol=1e-5)


@pytest.mark.slow
def test_a_network_of_all_folds_is_trained_and_tested_beside_them(
    phantoms, cross_validation, run_config, small, tmp_path
):
    ignored = shutil.ignore_patterns("cache", "last_state.pt", "tensorboard")
    folder = shutil.copytree(cross_validation, tmp_path / "run", ignore=ignored)
    run_config(
        "cross_validation", ["cross_validate.yaml"], flips=True, report=False, all_folds=True,
        dataset_dir=str(phantoms), output_dir=str(folder), **small,
    )  # fmt: skip
    found, ensemble = (read_predictions(folder / name) for name in ("all_folds/test.csv", "test.csv"))
    assert [row["image"] for row in found] == [row["image"] for row in ensemble]
    assert not (folder / "all_folds" / "held_out.csv").exists()
    assert ModelFile.of(folder / "all_folds" / "model.pt").calibration is not None
