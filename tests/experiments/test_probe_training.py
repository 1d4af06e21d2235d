import json

import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow
from small_encoder import SMALL

from scripts import Predictor, bundle_root
from scripts.checkpoints import ModelFile
from scripts.errors import UserError, user_error_behind
from scripts.features import Features
from scripts.networks import encoder_probe, load_weights
from scripts.phantoms import write_data_set
from scripts.transforms import preprocessing

CONFIG = f"{bundle_root()}/configs/probe.yaml"


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """The folder of twenty-four small phantoms, so that a fold leaves three patients of each class."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_data_set(folder, count=24, seed=0, shape=(64, 64, 48), workers=1)
    return folder


@pytest.fixture
def run(phantoms, small_encoder, tmp_path):
    """Run probe.yaml with the small encoder."""

    def built(**override):
        settings = {
            "dataset_dir": str(phantoms),
            "output_dir": str(tmp_path / "run"),
            "encoder": "small",
            "spatial_shape": list(SMALL.spatial_shape),
            "precision": "float32",
            "num_workers": 0,
            "folds": 2,
        }
        workflow = ConfigWorkflow(
            CONFIG, run_id="probe", workflow_type="train", logging_file=False, **settings | override
        )
        workflow.initialize()
        workflow.run()
        return tmp_path / "run"

    return built


def test_the_run_leaves_a_network_whose_cross_validated_metrics_and_calibration_are_told(run, phantoms):
    folder = run()
    datalist = json.loads((phantoms / "datalist.json").read_text())
    features = Features.load(folder / "features.npz")
    assert list(features.name) == [
        item["image"] for name in ("training", "validation") for item in datalist[name]
    ]
    record = json.loads((folder / "probe.json").read_text())
    assert record["encoder_sha256"] == SMALL.sha256
    assert record["out_of_fold"]["scans"] == len(features)
    assert record["strength"] == float(min(record["losses"], key=record["losses"].__getitem__))
    described = ModelFile.of(folder / "model.pt")
    assert described.calibration.training_prior == pytest.approx([1 / 3] * 3)
    assert described.calibration.fitted_on["scans"] == len(features)
    assert (
        described.taught_by.training == sorted(set(features.content_hash)) and "" not in features.content_hash
    )
    assert described.network.arguments["sha256"] == SMALL.sha256
    network = encoder_probe(encoder="small", sha256=record["encoder_sha256"], precision="float32").eval()
    load_weights(network, folder / "model.pt")
    assert (folder / "model.pt").stat().st_size < 10_000
    steps = preprocessing(SMALL.region, SMALL.spatial_shape, SMALL.window)
    grid = steps({"image": str(phantoms / features.name[0])})["image"].as_tensor()
    expected = network.classify(torch.from_numpy(features.values[:1]))
    torch.testing.assert_close(network(grid[None]), expected, rtol=1e-4, atol=1e-4)


def test_a_held_out_fold_is_not_fitted_on(run, phantoms):
    datalist = json.loads((phantoms / "datalist.json").read_text())
    held = {item["patient"] for item in datalist["training"] if item["fold"] == 1}
    fitted = set(Features.load(run(fold=1) / "features.npz").patient)
    assert not held & fitted
    assert (
        fitted == {item["patient"] for name in ("training", "validation") for item in datalist[name]} - held
    )


def test_the_same_run_gives_the_same_weights_and_encodes_nothing_again(run, monkeypatch):
    first = torch.load(run() / "model.pt", weights_only=True)
    monkeypatch.setattr(
        "scripts.networks.FrozenEncoder.forward", lambda *_: pytest.fail("a scan was encoded")
    )
    again = torch.load(run() / "model.pt", weights_only=True)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"encoder": "astro"}, "encoder='astro' is not known"),
        ({"spatial_shape": [32, 32, 32]}, "the encoder small knows the grid"),
        ({"encoder_sha256": "0" * 64}, "SHA-256"),
    ],
)
def test_a_run_on_another_encoder_or_grid_ends_in_one_line(override, message, run):
    with pytest.raises((UserError, RuntimeError)) as caught:  # MONAI wraps the first in the second
        run(**override)
    assert message in str(user_error_behind(caught.value))


def test_the_predictor_takes_a_probe_like_any_other_network(run, phantoms):
    folder = run()
    features = Features.load(folder / "features.npz")
    predictor = Predictor(folder / "model.pt")
    answer = predictor(phantoms / features.name[0], explain=True)
    expected = predictor.network.classify(torch.from_numpy(features.values[:1])).softmax(dim=1)[0]
    np.testing.assert_allclose(list(answer.raw.values()), expected.tolist(), atol=1e-5)
    assert answer.probabilities != answer.raw and answer.explanation.array.shape == (64, 64, 48)
    assert answer.content_hash == features.content_hash[0]


def test_a_datalist_without_validation_gives_up_no_scan(run, phantoms, tmp_path):
    datalist = json.loads((phantoms / "datalist.json").read_text())
    few = [item for item in datalist["training"] if item["fold"] != 0]
    few = [{**item, "image": str(phantoms / item["image"])} for item in few]
    del datalist["validation"], datalist["test"]
    (tmp_path / "datalist.json").write_text(json.dumps({**datalist, "training": few}))
    fitted = Features.load(run(dataset_dir=str(tmp_path)) / "features.npz")
    assert fitted.name == tuple(item["image"] for item in few)


def test_a_probe_is_adapted_to_scans_by_the_command(run, phantoms):
    """Here to its own; evaluation then knows them as scans that it has seen."""
    scans = sorted((phantoms / "images").iterdir())[:10]
    folder = run(adapt_to=[str(path) for path in scans], adaptation="recentre", ill=0.3)
    predictor = Predictor(folder / "model.pt")
    answers = [predictor(path) for path in scans]
    ill = [1 - answer.probabilities["non-pneumonia"] for answer in answers]
    assert np.mean(ill) == pytest.approx(0.3, abs=1e-3)
    assert not any(answer.above_threshold for answer in answers)
    assert {answer.content_hash for answer in answers} <= predictor.model.taught_by
    bare = ModelFile.of(folder / "model.pt").without_scans()
    assert bare.taught_by is None and bare.adapted_to.scans == [] and bare.adapted_to.count == 10
