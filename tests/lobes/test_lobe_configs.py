"""train_lobes.yaml and inference_lobes.yaml run, and the classifier takes its box from the lobes."""

import csv
import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from monai.bundle import ConfigParser, ConfigWorkflow

from scripts.checkpoints import ModelFile
from scripts.errors import user_error_behind
from scripts.lobes import lobe_classes
from scripts.networks import weights_hash
from scripts.scans import read_checked_scan
from scripts.statistics import read_predictions

CONFIGS = Path(__file__).parents[2] / "configs"
SMALL = {"spatial_shape": [32, 24, 32], "num_workers": 0}


def workflow(run_id, *names, **override):
    built = ConfigWorkflow(
        [str(CONFIGS / f"{name}.yaml") for name in names],
        run_id=run_id,
        workflow_type="inference" if run_id == "inference" else "train",
        logging_file=False,
        **SMALL | override,
    )
    built.initialize()
    return built


@pytest.fixture(scope="module")
def run_folder(phantoms, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lobe_run")
    built = workflow(
        "training", "train_lobes", "recipe_lobes_demo",
        dataset_dir=str(phantoms), output_dir=str(folder), max_epochs=1, val_interval=1,
    )  # fmt: skip
    assert built.check_properties() == []
    built.run()
    return folder


def test_training_leaves_weights_curves_and_records(run_folder):
    assert (run_folder / "lobe_model.pt").is_file() and not (run_folder / "model.pt").exists()
    assert list((run_folder / "tensorboard").iterdir())
    assert (run_folder / "environment.json").is_file()


def test_inference_writes_labels_in_the_scans_geometry_and_a_row_a_scan(run_folder, phantoms, tmp_path):
    scans = sorted((phantoms / "images").iterdir())[:2]
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"not a scan")
    built = workflow(
        "inference", "inference_lobes",
        scans=[str(scans[0]), str(broken), str(scans[1])], output_dir=str(tmp_path),
        ckpt_path=str(run_folder / "lobe_model.pt"),
    )  # fmt: skip
    assert built.check_properties() == []
    with pytest.raises(SystemExit) as status:
        built.run()
    assert status.value.code == 1
    with (tmp_path / "lobes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["lobe_map"]) for row in rows] == [True, False, True]
    assert rows[1]["reason"].startswith("unreadable")
    for scan, row in zip(scans, rows[::2], strict=True):
        image, lobes = nibabel.load(scan), nibabel.load(tmp_path / row["lobe_map"])
        assert image.shape == lobes.shape and np.array_equal(image.affine, lobes.affine)
        voxel = abs(np.linalg.det(image.affine)) / 1000
        assert float(row["total_ml"]) == pytest.approx((lobes.get_fdata() > 0).sum() * voxel, abs=0.1)


def test_the_classifier_takes_its_box_from_masks_then_the_network_it_was_trained_with(
    run_folder, phantoms, tmp_path
):
    """Its weights mean nothing without that network, so that it is named by hash, found, or asked for."""
    lobe_weights = shutil.copy(run_folder / "lobe_model.pt", tmp_path / "elsewhere.pt")
    shutil.copy(run_folder / "lobe_model.json", tmp_path / "elsewhere.json")
    run = tmp_path / "run"
    places = {"dataset_dir": str(phantoms), "cache_dir": str(tmp_path / "cache"), "output_dir": str(run)}
    small = {"max_epochs": 1, "batches_per_epoch": 1, "spatial_shape": [32, 32, 24]}
    workflow("training", "train", "recipe_lobe_box", **places, **small, lobe_ckpt_path=lobe_weights).run()
    described = ModelFile.of(run / "model.pt")
    wanted = {"lobe_model_sha256": weights_hash(lobe_weights)}
    assert described.region.target == "scripts.lobes.LobeRegion"
    assert described.region.arguments["segmenter"] == wanted
    evaluation = {**places, "lobe_ckpt_path": lobe_weights, "spatial_shape": [32, 32, 24]}
    workflow("evaluation", "train", "evaluate", **evaluation).run()
    flags = {row["flags"] for row in read_predictions(run / "predictions.csv")}
    assert all("box_from_lobe_mask" in text.split() for text in flags)
    scan = sorted((phantoms / "images").iterdir())[0]
    answers = {
        "scans": [str(scan)], "output_dir": str(tmp_path / "answers"), "ckpt_path": str(run / "model.pt"),
        "spatial_shape": [32, 32, 24],
    }  # fmt: skip
    with pytest.raises(RuntimeError) as failed:
        workflow("inference", "inference", **answers).run()
    assert "trained with the boxes of a lobe network with SHA-256" in str(user_error_behind(failed.value))
    shutil.copy(lobe_weights, run / "lobe_model.pt")  # beside the checkpoint it is found
    shutil.copy(tmp_path / "elsewhere.json", run / "lobe_model.json")
    for given in ({}, {"lobe_ckpt_path": lobe_weights}):
        workflow("inference", "inference", **answers, **given).run()
        (row,) = read_predictions(tmp_path / "answers" / "predictions.csv")
        assert "lobe_network" in row["flags"]  # one of four iterations may be implausible, and named so


def test_without_a_lobe_network_in_training_the_lung_mask_gives_the_box(phantoms, tmp_path):
    places = {"dataset_dir": str(phantoms), "cache_dir": str(tmp_path / "cache"), "output_dir": str(tmp_path)}
    small = {"max_epochs": 1, "batches_per_epoch": 1, "spatial_shape": [32, 32, 24]}
    workflow("training", "train", "recipe_lobe_box", **places, **small, lobe_ckpt_path="none.pt").run()
    assert ModelFile.of(tmp_path / "model.pt").region.arguments["segmenter"] is None
    workflow(
        "inference", "inference", scans=[str(sorted((phantoms / "images").iterdir())[0])],
        output_dir=str(tmp_path / "answers"), ckpt_path=str(tmp_path / "model.pt"),
        spatial_shape=[32, 32, 24],
    ).run()  # fmt: skip
    (row,) = read_predictions(tmp_path / "answers" / "predictions.csv")
    assert "box_from_lung_mask" in row["flags"].split()


def test_training_and_inference_of_lobes_agree_on_all_they_share():
    train, inference = (
        ConfigParser.load_config_file(CONFIGS / f"{name}.yaml") for name in ("train_lobes", "inference_lobes")
    )
    different = {key for key in train.keys() & inference.keys() if train[key] != inference[key]}
    assert different == {"dataset_dir", "output_dir", "network", "preprocessing", "initialize", "run"}
    same = ("region", "spatial_shape", "window")
    assert all(train["image_to_grid"][key] == inference["preprocessing"][key] for key in same)


def test_the_model_file_says_what_the_lobe_network_is_and_which_scans_taught_it(run_folder, phantoms):
    described = ModelFile.of(run_folder / "lobe_model.pt")
    assert described.network.target == "scripts.lobes.LobeUNet"
    assert described.network.arguments == {
        "channels": [16, 32, 64, 128], "residual_units": 0, "spatial_shape": SMALL["spatial_shape"],
    }  # fmt: skip
    assert described.classes == lobe_classes() and described.spatial_shape == SMALL["spatial_shape"]
    lists = json.loads((phantoms / "datalist.json").read_text())
    for part in ("training", "validation"):
        hashes = {read_checked_scan(phantoms / item["image"])[0].content_hash for item in lists[part]}
        assert set(getattr(described.taught_by, part)) == hashes


@pytest.mark.parametrize(
    ("recipe", "bases"),
    [("recipe_lobes_demo", ("train_lobes",)), ("recipe_lobe_box", ("train",))],
)
def test_the_lobe_recipes_set_only_what_their_base_knows_or_they_use_themselves(recipe, bases):
    own = ConfigParser.load_config_file(CONFIGS / f"{recipe}.yaml")
    text = (CONFIGS / f"{recipe}.yaml").read_text()
    loaded = [ConfigParser(ConfigParser.load_config_file(CONFIGS / f"{base}.yaml")) for base in bases]
    for key in own:
        in_base = any(key.lstrip("+") in base for base in loaded)
        assert in_base or f"@{key}" in text, key
