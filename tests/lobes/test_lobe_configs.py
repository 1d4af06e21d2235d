"""train_lobes.yaml and inference_lobes.yaml run, and the classifier takes its box from the lobes."""

import csv
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow

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
        "inference", "inference_lobes", "recipe_lobes_demo",
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


def test_the_classifier_takes_its_box_from_masks_then_the_network_then_the_lung_mask(
    run_folder, phantoms, tmp_path
):
    cache = {"dataset_dir": str(phantoms), "cache_dir": str(tmp_path / "cache"), "output_dir": str(tmp_path)}
    shape = {"spatial_shape": [32, 32, 24]}
    names = ("train", "recipe_lobe_box")
    small = {"max_epochs": 1, "batches_per_epoch": 1, "lobe_ckpt_path": "none.pt"} | shape
    workflow("training", *names, **cache, **small).run()
    workflow("evaluation", *names, "evaluate", **cache, **small).run()
    flags = {row["flags"] for row in read_predictions(tmp_path / "predictions.csv")}
    assert all("box_from_lobe_mask" in text.split() for text in flags)
    scan = str(sorted((phantoms / "images").iterdir())[0])
    for lobe_weights, source in (
        (run_folder / "lobe_model.pt", "lobe_network"),
        ("none.pt", "box_from_lung_mask"),
    ):
        workflow(
            "inference", "inference", "recipe_lobe_box",
            scans=[scan], output_dir=str(tmp_path / "answers"), ckpt_path=str(tmp_path / "model.pt"),
            lobe_ckpt_path=str(lobe_weights), **shape,
        ).run()  # fmt: skip
        (row,) = read_predictions(tmp_path / "answers" / "predictions.csv")
        assert source in row["flags"]  # a network of four iterations may be implausible, and is then named so


def test_training_and_inference_of_lobes_agree_on_all_they_share():
    train, inference = (
        ConfigParser.load_config_file(CONFIGS / f"{name}.yaml") for name in ("train_lobes", "inference_lobes")
    )
    different = {key for key in train.keys() & inference.keys() if train[key] != inference[key]}
    assert different == {"dataset_dir", "output_dir", "preprocessing", "initialize", "run"}
    assert train["image_to_grid"] == inference["preprocessing"]


def test_a_checkpoint_names_its_own_sizes(run_folder):
    state = torch.load(run_folder / "lobe_model.pt", weights_only=True)
    assert state["spatial_shape"].tolist() == SMALL["spatial_shape"]
    assert state["channels"].tolist() == [16, 32, 64, 128] and state["residual_units"] == 0


@pytest.mark.parametrize(
    ("recipe", "bases"),
    [("recipe_lobes_demo", ("train_lobes", "inference_lobes")), ("recipe_lobe_box", ("train", "inference"))],
)
def test_the_lobe_recipes_set_only_what_their_base_knows_or_they_use_themselves(recipe, bases):
    own = ConfigParser.load_config_file(CONFIGS / f"{recipe}.yaml")
    text = (CONFIGS / f"{recipe}.yaml").read_text()
    loaded = [ConfigParser(ConfigParser.load_config_file(CONFIGS / f"{base}.yaml")) for base in bases]
    for key in own:
        in_base = any(key in base for base in loaded)
        names_a_parameter = key == "preprocessing::lobes_key"  # checked by the run of this recipe above
        assert in_base or names_a_parameter or f"@{key}" in text, key
