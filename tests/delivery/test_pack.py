import json
import shutil
import zipfile

import monai.bundle
import pytest
import torch
import yaml
from monai.bundle import ConfigParser, load_bundle_config

from scripts.checkpoints import ModelFile, TaughtBy, describe, read_configs
from scripts.delivery.pack import NAME, main, pack
from scripts.errors import UserError
from scripts.networks import wa_66, weights_hash

SHAPE = [40, 40, 32]  # of recipe_demo.yaml


HASHES = TaughtBy(training=["ab" * 32], validation=["cd" * 32])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, save_model, calibration_record):
    folder = tmp_path_factory.mktemp("run")
    facts = {"calibration": calibration_record(1.5), "taught_by": HASHES}
    save_model(folder / "model.pt", "recipe_demo.yaml", base="train.yaml", facts=facts, window=[-600, 1600])
    return folder / "model.pt"


@pytest.fixture(scope="module")
def release(checkpoint, tmp_path_factory):
    """The folder of a release: its zip, its large_files.yml, and the zip unpacked."""
    folder = tmp_path_factory.mktemp("release")
    with zipfile.ZipFile(pack(checkpoint, folder, url="https://example.org/model.pt")) as archive:
        archive.extractall(folder)
    return folder


def test_the_same_input_gives_the_same_bytes(checkpoint, release, tmp_path):
    shutil.copytree(checkpoint.parent, tmp_path / "later")  # other dates
    again = pack(tmp_path / "later" / "model.pt", tmp_path, url="https://example.org/model.pt")
    assert weights_hash(again) == weights_hash(release / f"{NAME}.zip")


def test_all_lies_in_one_folder_of_the_release_s_name_without_what_python_leaves(release):
    names = zipfile.ZipFile(release / f"{NAME}.zip").namelist()
    assert {name.partition("/")[0] for name in names} == {NAME}
    assert not [name for name in names if "__pycache__" in name or "/." in name]
    inside = {name.partition("/")[2] for name in names}
    assert {"LICENSE", "configs/metadata.json", "configs/inference.json", "configs/train.json"} <= inside
    assert {"docs/README.md", "docs/data_license.txt", "scripts/__init__.py", "models/model.pt"} <= inside
    assert ModelFile.of(release / NAME / "models" / "model.pt").calibration.temperature == 1.5


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
    assert folder["_meta_::network_data_format::inputs::image::spatial_shape"] == SHAPE
    assert folder["spatial_shape"] == SHAPE


@pytest.mark.parametrize("name", ["train", "inference"])
def test_a_release_s_config_is_enough_alone_for_clients_that_read_no_metadata(release, name):
    parser = ConfigParser(json.loads((release / NAME / "configs" / f"{name}.json").read_text()))
    assert parser.get_parsed_content("num_classes") == 3
    assert parser["_meta_::network_data_format::inputs::image::spatial_shape"] == SHAPE


def test_config_metadata_and_model_file_of_a_release_say_the_same(release, checkpoint):
    """Three texts hold the same facts, for three kinds of clients; here it shows when two disagree."""
    described = ModelFile.of(release / NAME / "models" / "model.pt")
    assert described == ModelFile.of(checkpoint)
    for name in ("train", "inference"):
        parser = read_configs([release / NAME / "configs" / f"{name}.json"])
        facts = {"network", "spatial_shape", "window", "region", "inferer", "classes"}
        parser["ckpt_path"] = "none.pt"
        assert describe(parser).model_dump(include=facts) == described.model_dump(include=facts), name
        output = parser["_meta_::network_data_format::outputs::pred"]
        assert list(output["channel_def"].values()) == described.classes
        assert output["num_channels"] == len(described.classes)
        image = parser["_meta_::network_data_format::inputs::image"]
        assert image["spatial_shape"] == described.spatial_shape


def test_the_scans_that_taught_it_are_told_unless_withheld(release, checkpoint, tmp_path):
    assert ModelFile.of(release / NAME / "models" / "model.pt").taught_by == HASHES
    main(["--ckpt_path", str(checkpoint), "--output_dir", str(tmp_path), "--withhold_scans"])
    with zipfile.ZipFile(tmp_path / f"{NAME}.zip") as archive:
        archive.extractall(tmp_path)
        assert not [name for name in archive.namelist() if b"ab" * 32 in archive.read(name)]
    assert ModelFile.of(tmp_path / NAME / "models" / "model.pt").taught_by is None


def test_weights_that_do_not_fit_are_not_packed(tmp_path, save_model):
    save_model(tmp_path / "parl.pt", spatial_shape=SHAPE)
    torch.save(wa_66(spatial_shape=SHAPE).state_dict(), tmp_path / "model.pt")
    ModelFile.of(tmp_path / "parl.pt").write(tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"does not fit MultiTaskNetwork|more parameters than the checkpoint"):
        main(["--ckpt_path", str(tmp_path / "model.pt"), "--output_dir", str(tmp_path)])
    assert not list(tmp_path.glob("*.zip"))


def test_the_model_file_of_another_checkpoint_is_not_packed(checkpoint, tmp_path, save_model):
    save_model(tmp_path / "model.pt", spatial_shape=SHAPE, seed=1)
    shutil.copy(checkpoint.with_suffix(".json"), tmp_path / "model.json")
    with pytest.raises(UserError, match=r"model\.pt: is not the checkpoint that model\.json describes"):
        pack(tmp_path / "model.pt", tmp_path)
    assert not list(tmp_path.glob("*.zip"))
