import json
import shutil
import zipfile
from pathlib import Path

import monai.bundle
import pytest
import torch
import yaml
from monai.bundle import ConfigParser, load_bundle_config

from scripts.delivery.pack import NAME, main, pack
from scripts.errors import UserError
from scripts.evaluation import read_calibration, write_calibration
from scripts.networks import pa_66_m, wa_66, weights_hash
from scripts.statistics import Calibration

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "configs" / "recipe_demo.yaml"
SHAPE = (40, 40, 32)  # of that recipe
CALIBRATION = Calibration(["a", "b", "c"], 1.5, False, [0.4, 0.3, 0.3], 0.95, {}, {"scans": 7})


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    torch.save(pa_66_m(spatial_shape=SHAPE).state_dict(), folder / "model.pt")
    write_calibration(CALIBRATION, folder / "calibration.json")
    return folder / "model.pt"


@pytest.fixture(scope="module")
def release(checkpoint, tmp_path_factory):
    """The folder of a release: its zip, its large_files.yml, and the zip unpacked."""
    folder = tmp_path_factory.mktemp("release")
    with zipfile.ZipFile(
        pack(checkpoint, folder, recipe=[RECIPE], url="https://example.org/model.pt")
    ) as archive:
        archive.extractall(folder)
    return folder


def test_the_same_input_gives_the_same_bytes(checkpoint, release, tmp_path):
    shutil.copytree(checkpoint.parent, tmp_path / "later")  # other dates
    again = pack(
        tmp_path / "later" / "model.pt", tmp_path, recipe=[RECIPE], url="https://example.org/model.pt"
    )
    assert weights_hash(again) == weights_hash(release / f"{NAME}.zip")


def test_all_lies_in_one_folder_of_the_release_s_name_without_what_python_leaves(release):
    names = zipfile.ZipFile(release / f"{NAME}.zip").namelist()
    assert {name.partition("/")[0] for name in names} == {NAME}
    assert not [name for name in names if "__pycache__" in name or "/." in name]
    inside = {name.partition("/")[2] for name in names}
    assert {"LICENSE", "configs/metadata.json", "configs/inference.json", "configs/train.json"} <= inside
    assert {"docs/README.md", "docs/data_license.txt", "scripts/__init__.py", "models/model.pt"} <= inside
    assert read_calibration(release / NAME / "models" / "calibration.json")[0] == CALIBRATION


def test_large_files_name_the_weights_by_their_hash(checkpoint, release):
    (entry,) = yaml.safe_load((release / "large_files.yml").read_text())["large_files"]
    assert entry["hash_val"] == weights_hash(checkpoint) == weights_hash(release / NAME / entry["path"])
    assert entry["hash_type"] == "sha256" and entry["url"] == "https://example.org/model.pt"
    assert (release / NAME / "large_files.yml").read_text() == (release / "large_files.yml").read_text()


@pytest.mark.filterwarnings("ignore:.*config.*:UserWarning")
def test_monai_bundle_load_returns_the_network_with_its_weights(checkpoint, release):
    network = monai.bundle.load(NAME, bundle_dir=str(release), workflow_type="inference", device="cpu")
    for name, value in torch.load(checkpoint).items():
        assert torch.equal(network.state_dict()[name], value), name


def test_load_bundle_config_reads_folder_and_zip_alike(release):
    folder, archive = (
        load_bundle_config(str(path), "inference.json") for path in (release / NAME, release / f"{NAME}.zip")
    )
    assert folder.get() == archive.get()
    assert folder["_meta_::network_data_format::inputs::image::spatial_shape"] == list(SHAPE)
    assert folder["spatial_shape"] == list(SHAPE)


@pytest.mark.parametrize("name", ["train", "inference"])
def test_a_release_s_config_is_enough_alone_for_clients_that_read_no_metadata(release, name):
    parser = ConfigParser(json.loads((release / NAME / "configs" / f"{name}.json").read_text()))
    assert parser.get_parsed_content("num_classes") == 3
    assert parser["_meta_::network_data_format::inputs::image::spatial_shape"] == list(SHAPE)


def test_weights_that_do_not_fit_are_not_packed(tmp_path, capsys):
    torch.save(wa_66(spatial_shape=SHAPE).state_dict(), tmp_path / "model.pt")
    with pytest.raises(UserError, match="does not fit MultiTaskNetwork"):
        main(
            [
                "--ckpt_path",
                str(tmp_path / "model.pt"),
                "--output_dir",
                str(tmp_path),
                "--recipe",
                str(RECIPE),
            ]
        )
    assert not list(tmp_path.glob("*.zip"))


def test_the_calibration_of_another_checkpoint_is_not_packed(checkpoint, tmp_path):
    shutil.copy(checkpoint, tmp_path / "model.pt")
    (tmp_path / "other.pt").write_bytes(b"other weights")
    write_calibration(CALIBRATION, tmp_path / "calibration.json", tmp_path / "other.pt")
    with pytest.raises(UserError, match=r"calibration\.json: belongs to other weights than .*model\.pt"):
        pack(tmp_path / "model.pt", tmp_path, recipe=[RECIPE])
    assert not list(tmp_path.glob("*.zip"))
