import importlib.util
import json
import shutil

import pytest
import torch
from monai.bundle import load_bundle_config
from monai.data import load_net_with_metadata

from scripts.delivery.export import allowed_difference, export, largest_difference, main
from scripts.delivery.forms import FORMS, Form
from scripts.errors import UserError
from scripts.networks import weights_hash

SHAPE = [32, 40, 16]
NAMES = ["non-pneumonia", "other pneumonia", "COVID-19"]
PYTORCH = ("torchscript", "torch_export")
# torch 2.13 deprecates this of its own; its ONNX export copies such objects.
pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")
HAS_ONNX = importlib.util.find_spec("onnxruntime") is not None


@pytest.fixture(scope="module", params=["pa_66_m", pytest.param("da_ca_resnet18", marks=pytest.mark.slow)])
def exported(request, phantoms, tmp_path_factory, save_model, calibration_record):
    """A network's checkpoint, its exports on two phantoms, and their record."""
    folder = tmp_path_factory.mktemp(request.param)
    facts = {"calibration": calibration_record(1.25)}
    override = {"spatial_shape": SHAPE, "network_def::_target_": f"scripts.networks.{request.param}"}
    network = save_model(folder / "model.pt", facts=facts, **override)
    scans = sorted((phantoms / "images").iterdir())[:2]
    forms = PYTORCH if not HAS_ONNX else tuple(FORMS)
    return folder, network, export(folder / "model.pt", folder, scans, forms)


def test_the_record_names_weights_classes_temperature_and_scans(exported):
    folder, _, record = exported
    assert json.loads((folder / "export.json").read_text()) == record
    assert record["weights_sha256"] == weights_hash(folder / "model.pt")
    assert record["class_names"] == NAMES
    assert record["temperature"] == 1.25 and len(record["compared_on"]) == 2
    for entry in record["forms"].values():
        assert entry["sha256"] == weights_hash(folder / entry["file"])
        assert entry["largest_difference"] <= record["allowed_difference"]


def test_exports_answer_batches_of_any_size_as_the_network_does(exported):
    folder, network, record = exported
    grids = torch.rand(3, 1, *SHAPE)
    with torch.no_grad():
        expected = network(grids)
    for name in record["forms"]:
        answers = FORMS[name].read(folder / FORMS[name].file_name)(grids)
        torch.testing.assert_close(answers, expected, rtol=1e-4, atol=1e-4)


def test_torchscript_carries_the_config_of_its_model_file_and_the_metadata(exported):
    folder, _, record = exported
    _, metadata, _ = load_net_with_metadata(str(folder / "model.ts"))
    config = load_bundle_config(str(folder / "model.ts"), "inference.json")
    for found in (metadata, config["_meta_"]):
        assert found["export"]["weights_sha256"] == record["weights_sha256"]
        assert found["export"]["temperature"] == 1.25
        assert found["network_data_format"]["inputs"]["image"]["spatial_shape"] == SHAPE
    assert config["spatial_shape"] == SHAPE and config["preprocessing"]["_target_"]


def test_torch_export_carries_the_same_texts(exported):
    texts = {"metadata.json": "", "inference.json": ""}
    torch.export.load(exported[0] / "model.pt2", extra_files=texts)
    assert json.loads(texts["metadata.json"])["export"]["class_names"][2] == "COVID-19"
    assert json.loads(texts["inference.json"])["spatial_shape"] == SHAPE


@pytest.mark.skipif(not HAS_ONNX, reason="needs requirements-export.txt; `make client-export` has it")
def test_onnx_carries_the_same_texts(exported):
    import onnx

    texts = {entry.key: entry.value for entry in onnx.load(exported[0] / "model.onnx").metadata_props}
    assert json.loads(texts["metadata.json"])["export"]["temperature"] == 1.25


@pytest.mark.skipif(HAS_ONNX, reason="onnxruntime is here")
def test_without_onnx_the_file_to_install_is_named(tmp_path):
    with pytest.raises(UserError, match=r"pip install --requirement requirements-export\.txt"):
        main(["--ckpt_path", "model.pt", "--output_dir", str(tmp_path)])


def test_a_form_that_answers_differently_is_an_error(exported, phantoms, monkeypatch):
    folder, network, _ = exported
    wrong = {"torch_export": Form("model.pt2", lambda *_: None, lambda _: lambda grids: network(grids) + 0.1)}
    monkeypatch.setattr("scripts.delivery.export.FORMS", wrong)
    scans = sorted((phantoms / "images").iterdir())[:1]
    with pytest.raises(UserError, match=r"model\.pt2: logits differ from the network's by 0\.1, over"):
        export(folder / "model.pt", folder, scans, wrong)


def test_a_scan_that_is_refused_is_named(exported, tmp_path):
    folder, _, _ = exported
    with pytest.raises(UserError, match=r"gone\.nii\.gz"):
        export(folder / "model.pt", tmp_path, [tmp_path / "gone.nii.gz"], PYTORCH)


def test_the_model_file_of_another_checkpoint_is_refused(exported, save_model, tmp_path):
    folder, _, _ = exported
    save_model(tmp_path / "model.pt", spatial_shape=SHAPE, seed=1)
    shutil.copy(folder / "model.json", tmp_path / "model.json")
    with pytest.raises(UserError, match=r"model\.pt: is not the checkpoint that model\.json describes"):
        export(tmp_path / "model.pt", tmp_path / "export", forms=PYTORCH)
    assert not list((tmp_path / "export").iterdir())


def test_the_carried_config_builds_the_network_without_the_model_file(exported, tmp_path):
    folder, network, _ = exported
    config = load_bundle_config(str(folder / "model.ts"), "inference.json")
    config["ckpt_path"] = str(tmp_path / "none.pt")
    built = config.get_parsed_content("network_def")
    built.load_state_dict(torch.load(folder / "model.pt"))
    grids = torch.rand(1, 1, *SHAPE)
    with torch.no_grad():
        assert torch.equal(built.eval()(grids), network(grids))


def test_the_difference_is_the_largest_over_single_scans_and_the_whole_batch():
    grids = torch.arange(6.0).reshape(3, 1, 2, 1, 1)
    wrong_alone = largest_difference(torch.sum, lambda x: torch.sum(x) + (len(x) == 1) * 0.5, grids)
    assert wrong_alone == 0.5
    with pytest.raises(UserError, match="answers nan"):
        largest_difference(torch.sum, lambda x: torch.sum(x) * torch.nan, grids)


def test_large_logits_may_differ_by_more():
    assert allowed_difference(torch.tensor([-20.0, 3.0]), 1e-4) == pytest.approx(2e-3)
    assert allowed_difference(torch.tensor([0.1]), 1e-4) == 1e-4
