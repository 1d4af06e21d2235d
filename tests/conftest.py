import os
import sys
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigWorkflow
from small_encoder import SMALL, install

from scripts import bundle_root
from scripts.checkpoints import CalibrationRecord, describe, read_configs
from scripts.networks import ENCODERS, OWN_FILE
from scripts.phantoms import write_data_set

os.environ["MONAI_FAIL_ON_DUPLICATE_CONFIG"] = "1"
torch.set_num_threads(1)  # the suite runs in two processes


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def real_scans():
    """The folder of real chest CTs; without it, the tests marked `real` skip."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("CHEST_CT_DATA") or root.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real scans at {folder}; set CHEST_CT_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory):
    """The folder of sixteen small phantoms with their datalist."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_data_set(folder, count=16, seed=0, shape=(64, 64, 48), workers=1)
    return folder


@pytest.fixture
def no_encoder(tmp_path, monkeypatch):
    """A folder on sys.path where an encoder's packages may be installed; none are, and no file is named."""
    monkeypatch.delenv(OWN_FILE, raising=False)
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


@pytest.fixture
def small_encoder(no_encoder, monkeypatch):
    """The small encoder of tests/small_encoder.py, known by name and installed."""
    monkeypatch.setitem(ENCODERS, "small", SMALL)
    install(no_encoder)
    return SMALL


@pytest.fixture
def grow(tmp_path):
    """Write a tree of small files, one for each name, under tmp_path/data; return that folder."""

    def write(*names):
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
        return root

    return write


@pytest.fixture(scope="session")
def small():
    """The settings of a training that takes seconds."""
    return {"spatial_shape": [24, 24, 16], "max_epochs": 2, "batches_per_epoch": 1, "num_workers": 0}


@pytest.fixture(scope="session")
def save_model():
    """Save a network with random weights as a config describes it, its model file beside it; return it."""

    def save(path, *overlays, base="inference.yaml", seed=0, facts=None, **override):
        parser = read_configs([Path(bundle_root(), "configs", name) for name in (base, *overlays)])
        parser.update(pairs=override)
        parser.parse(reset=True)
        torch.manual_seed(seed)
        network = parser.get_parsed_content("network_def").eval()
        torch.save(network.state_dict(), path)
        describe(parser).model_copy(update=facts or {}).write(path)
        return network

    return save


@pytest.fixture(scope="session")
def calibration_record():
    """Make a calibration with a temperature of its own, as a model file holds it."""

    def make(
        temperature=1.25, classes=("non-pneumonia", "other pneumonia", "COVID-19"), threshold=0.5, **more
    ):
        prior = [0.4, 0.3, 0.3] if len(classes) == 3 else [1 / len(classes)] * len(classes)
        content = {
            "class_names": list(classes),
            "temperature": temperature,
            "at_end_of_range": False,
            "training_prior": prior,
            "sensitivity": 0.95,
            "thresholds": {name: {"value": threshold, "interval_95_percent": None} for name in classes},
            "fitted_on": {"scans": 7},
        }
        return CalibrationRecord(**content | more)

    return make


@pytest.fixture(scope="session")
def run_config():
    """Run a config of configs/ as ``monai.bundle run`` does, on a small grid unless told otherwise."""

    def run(run_id, names, **override):
        files = [f"{bundle_root()}/configs/{name}" for name in names]
        built = ConfigWorkflow(files, run_id=run_id, workflow_type="train", logging_file=False, **override)
        built.initialize()
        built.run()
        return built

    return run


@pytest.fixture(scope="session")
def cross_validation(phantoms, tmp_path_factory, run_config, small):
    """The folder of a finished cross-validation of the sixteen phantoms' two folds, with flips."""
    folder = tmp_path_factory.mktemp("cross_validation")
    places = {"dataset_dir": str(phantoms), "output_dir": str(folder)}
    run_config("cross_validation", ["cross_validate.yaml"], flips=True, report=False, **places, **small)
    return folder
