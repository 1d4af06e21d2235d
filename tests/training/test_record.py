import hashlib
import json
import sys
from pathlib import Path

import pytest
import torch
import yaml

from scripts.training import record_run

MONAI = str(Path("site-packages", "monai", "bundle", "__main__.py"))


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """Record a run that a command line started, and return its folder."""
    (tmp_path / "a.yaml").write_text("seed: 0\nmax_epochs: 300\noptimizer: {lr: 1.0e-4}\ntraining: []\n")
    (tmp_path / "b.yaml").write_text("max_epochs: 5\n")
    (tmp_path / "metadata.json").write_text('{"version": "0.1.0"}')
    (tmp_path / "datalist.json").write_text("{}")
    files = f"['{tmp_path}/a.yaml','{tmp_path}/b.yaml']"
    arguments = [MONAI, "run", "training", "--config_file", files, "--seed", "3", "--optimizer::lr", "0.01"]
    monkeypatch.setattr(sys, "argv", arguments)
    record_run(tmp_path / "run", tmp_path / "datalist.json", torch.device("cpu"), seed=3)
    return tmp_path / "run"


def test_the_resolved_config_has_overlays_and_overrides_applied(run_folder):
    config = yaml.safe_load((run_folder / "config.yaml").read_text())
    assert config == {
        "seed": 3,
        "max_epochs": 5,
        "optimizer": {"lr": 0.01},
        "training": [],
        "_meta_": {"version": "0.1.0"},
    }


def test_the_environment_names_data_seed_command_and_versions(run_folder):
    environment = json.loads((run_folder / "environment.json").read_text())
    assert environment["datalist_sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert environment["seed"] == 3 and environment["packages"]["monai"]
    assert environment["intensity"] == {}
    assert environment["command"].startswith("python -m monai.bundle run training --config_file")


def test_a_resumed_run_keeps_the_earlier_record(run_folder):
    before = (run_folder / "config.yaml").read_text()
    record_run(run_folder, run_folder.parent / "datalist.json", torch.device("cpu"), seed=3)
    assert (run_folder / "config.yaml").read_text() == before
    assert (run_folder / "config_2.yaml").is_file() and (run_folder / "environment_2.json").is_file()


def test_a_host_program_s_own_arguments_are_not_taken_for_a_config(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["server.py", "run", "--config_file", "x.yaml"])
    (tmp_path / "datalist.json").write_text("{}")
    record_run(tmp_path / "run", tmp_path / "datalist.json", torch.device("cpu"), seed=0)
    assert not (tmp_path / "run" / "config.yaml").exists()
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["command"] is None


def test_the_config_of_a_cross_validation_is_not_taken_for_that_of_its_folds(tmp_path, monkeypatch):
    (tmp_path / "a.yaml").write_text("cross_validation: []\n")
    (tmp_path / "metadata.json").write_text("{}")
    (tmp_path / "datalist.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", [MONAI, "run", "--config_file", str(tmp_path / "a.yaml")])
    record_run(tmp_path / "run", tmp_path / "datalist.json", torch.device("cpu"), seed=0)
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_the_environment_counts_scans_in_hounsfield_units_and_of_each_window(tmp_path):
    windowed = {"intensity": "windowed", "window": [-600, 1800]}
    items = [
        {"image": f"{k}.nii", "label": 0, "patient": str(k), **(windowed if k else {})} for k in range(3)
    ]
    (tmp_path / "datalist.json").write_text(json.dumps({"training": items}))
    record_run(tmp_path, tmp_path / "datalist.json", torch.device("cpu"), seed=0)
    environment = json.loads((tmp_path / "environment.json").read_text())
    assert environment["intensity"] == {"HU": 1, "windowed -600 1800": 2}
