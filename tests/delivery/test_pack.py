import json
import shutil
import zipfile
from pathlib import Path

import monai.bundle
import pytest
import torch
import yaml
from monai.apps.utils import download_url
from monai.bundle import ConfigParser, ckpt_export, load_bundle_config, verify_net_in_out

from scripts import Predictor, bundle_root
from scripts.checkpoints import ModelFile, TaughtBy, describe, read_configs
from scripts.delivery.card import LINK, held_links
from scripts.delivery.pack import NAME, main, pack
from scripts.delivery.resolved import config_of_model, resolved_yaml
from scripts.errors import UserError
from scripts.networks import wa_66, weights_hash

SHAPE = [64, 64, 48]  # of recipe_demo.yaml


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


def test_weights_that_are_hosted_nowhere_are_not_asked_for(checkpoint, tmp_path):
    """The zoo downloads every entry of large_files.yml, by keyword, from its url."""
    with zipfile.ZipFile(pack(checkpoint, tmp_path)) as archive:
        assert yaml.safe_load(archive.read(f"{NAME}/large_files.yml")) == {"large_files": []}
        assert f"{NAME}/models/model.pt" in archive.namelist()


@pytest.mark.parametrize(
    "recipe", ["recipe_da_ca_resnet18.yaml", "recipe_lobe_box.yaml", "recipe_flips.yaml"]
)
@pytest.mark.parametrize("name", ["inference", "train"])
def test_the_two_forms_of_a_release_s_config_say_the_same(name, recipe):
    """The zoo's checks take the YAML where both are there."""
    described = describe(read_configs([f"{bundle_root()}/configs/{file}" for file in ("train.yaml", recipe)]))
    parser = config_of_model(name, described)
    text = resolved_yaml(name, parser)
    assert yaml.safe_load(text) == {key: value for key, value in parser.get().items() if key != "_meta_"}
    assert text.count("# ---") == Path(bundle_root(), "configs", f"{name}.yaml").read_text().count("# ---")


def test_the_zoo_s_own_steps_pass_on_a_release_without_its_weights(release, tmp_path):
    """What its CI does: large files by their urls, the network's input and output, TorchScript."""
    folder = Path(shutil.copytree(release / NAME, tmp_path / NAME))
    weights = shutil.move(folder / "models" / "model.pt", tmp_path / "hosted.pt")
    listed = ConfigParser.load_config_file(folder / "large_files.yml")["large_files"]
    for entry in listed:
        entry |= {
            "filepath": str(folder / entry.pop("path")),
            "url": Path(weights).as_uri(),
            "progress": False,
        }
        download_url(**entry)
    assert ModelFile.of(folder / "models" / "model.pt")
    common = {"meta_file": str(folder / "configs" / "metadata.json"), "bundle_root": str(folder)}
    common |= {"net_id": "network_def", "config_file": str(folder / "configs" / "inference.yaml")}
    verify_net_in_out(**common)
    ckpt_export(filepath=str(tmp_path / "model.ts"), ckpt_file=str(folder / "models" / "model.pt"), **common)
    exported, x = torch.jit.load(tmp_path / "model.ts"), torch.rand(1, 1, *SHAPE)
    torch.testing.assert_close(exported(x), Predictor(folder / "models" / "model.pt").network(x))


def test_the_readme_of_a_release_is_of_these_weights(checkpoint, release, tmp_path):
    head, card = (release / NAME / "README.md").read_text().split("---\n")[1:3]
    assert yaml.safe_load(head)["library_name"] == "monai"
    assert (
        weights_hash(checkpoint) in card
        and " x ".join(map(str, SHAPE)) in card
        and "1 scans, selected on 1" in card
    )
    assert "No evaluation of these weights" in card
    for file in ("model.pt", "model.json"):
        shutil.copy(checkpoint.with_name(file), tmp_path)
    accuracy = {"value": 0.75, "interval_95_percent": [0.5, 0.875]}
    (tmp_path / "metrics.json").write_text(json.dumps({"scans": 8, "patients": 7, "accuracy": accuracy}))
    for sha256, expected in (
        ("0" * 64, "No evaluation"),
        (weights_hash(checkpoint), "0.750 (0.500 to 0.875)"),
    ):
        (tmp_path / "predictions.json").write_text(json.dumps({"checkpoint_sha256": sha256}))
        with zipfile.ZipFile(pack(tmp_path / "model.pt", tmp_path)) as archive:
            assert expected in archive.read(f"{NAME}/README.md").decode()


def test_every_relative_link_of_a_release_holds(release):
    pages = list((release / NAME).rglob("*.md"))
    links = [
        (page, link[2]) for page in pages for link in LINK.finditer(page.read_text()) if ":" not in link[2]
    ]
    assert len(links) > 20
    assert [str(page) for page, target in links if not (page.parent / target).exists()] == []
    assert held_links("[a](b.md#c) [d](gone.md) [e](https://f.g/h)", "docs/x.md", {"docs/b.md"}) == (
        "[a](b.md#c) d [e](https://f.g/h)"
    )


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
