import csv

import nibabel
import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor

from scripts.errors import UserError
from scripts.evaluation import PredictionWriter, read_predictions
from scripts.explanation import HeatMapWriter, TypeGradCAM, default_method
from scripts.networks import da_resnet18, pa_66_m

SHAPE = (32, 24, 40)
NAMES = ["non-pneumonia", "other pneumonia", "COVID-19"]
SCAN_AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])  # LPS
SCAN_SHAPE = (64, 48, 60)
ACCEPTED, NOT_FOUND = {"code": "", "message": ""}, {"code": "not_found", "message": "no such file"}


def item(name, refusal=ACCEPTED):
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = (-62.5, -46.5, 0.5)
    meta = {
        "original_affine": torch.from_numpy(SCAN_AFFINE),
        "original_shape": torch.tensor(SCAN_SHAPE),
        "flags": "",
    }
    generator = torch.Generator().manual_seed(len(name))
    grid = MetaTensor(torch.rand(1, *SHAPE, generator=generator), affine=torch.from_numpy(affine), meta=meta)
    return {"image": grid, "name": name, "refusal": refusal}


def write(folder, network, batches, **options):
    """Drive both writers as an evaluator does: gradients off, one list of items an iteration."""
    (folder / "model.pt").write_bytes(b"weights")

    def step(engine, batch):
        engine.state.batch = batch
        with torch.no_grad():
            x = torch.stack([one["image"].as_tensor() for one in batch])
            return [{"pred": answer} for answer in network.eval()(x).softmax(dim=1)]

    engine = Engine(step)
    options = {"method": default_method(network)} | options
    HeatMapWriter(folder, network, class_names=NAMES, **options).attach(engine)
    PredictionWriter(folder, NAMES, folder / "model.pt", "0.1.0", {}).attach(engine)
    with torch.no_grad():
        engine.run(batches)
    with (folder / "heat_maps.csv").open(newline="") as file:
        return read_predictions(folder / "predictions.csv"), list(csv.DictReader(file))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return pa_66_m(spatial_shape=SHAPE)


def test_each_answered_scan_has_a_heat_map_in_its_geometry_and_a_refused_one_has_none(network, tmp_path):
    batches = [[item("one/a.nii.gz"), item("b.nii.gz", NOT_FOUND)], [item("two/a.nii.gz")]]
    rows, details = write(tmp_path, network, batches)
    assert [row["heat_map"] for row in rows] == ["heat_maps/0000_a.nii.gz", "", "heat_maps/0002_a.nii.gz"]
    assert [row["image"] for row in details] == ["one/a.nii.gz", "two/a.nii.gz"]
    assert len(list((tmp_path / "heat_maps").iterdir())) == 4
    for row, detail in zip(rows[::2], details, strict=True):
        image = nibabel.load(tmp_path / row["heat_map"])
        assert image.shape == SCAN_SHAPE
        np.testing.assert_allclose(image.affine, SCAN_AFFINE)
        assert detail["target"] == row["prediction"] and detail["method"] == "grad_cam_type"
        assert row["prediction"] in image.header["descrip"].item().decode()
        assert (tmp_path / detail["overlay"]).stat().st_size > 10_000
        if float(detail["scale"]):
            assert image.get_fdata().max() > 0.9


def test_the_map_and_the_place_of_its_maximum_are_those_of_the_method(network, tmp_path):
    scan = item("a.nii.gz")
    _, (detail,) = write(tmp_path, network, [[scan]], target=2, overlays=False)
    raw = TypeGradCAM(network)(scan["image"].as_tensor()[None], torch.tensor([2]))[0]
    assert float(detail["scale"]) == pytest.approx(float(raw.max())) and detail["overlay"] == ""
    place = np.array([float(detail[f"maximum_{axis}"]) for axis in "ras"])
    voxel = np.round(np.linalg.inv(scan["image"].affine.numpy()) @ [*place, 1])[:3].astype(int)
    assert raw[tuple(voxel)] == raw.max()
    assert detail["target"] == "COVID-19"


def test_an_answer_that_is_not_finite_has_no_heat_map(network, tmp_path):
    broken = pa_66_m(spatial_shape=SHAPE)
    torch.nn.init.constant_(broken.combined_head[-1].bias, torch.nan)
    rows, details = write(tmp_path, broken, [[item("a.nii.gz")]])
    assert rows[0]["heat_map"] == "" and details == []


def test_a_depth_attention_network_shows_its_slice_gates(tmp_path):
    rows, details = write(tmp_path, da_resnet18(spatial_shape=SHAPE), [[item("a.nii.gz")]])
    assert details[0]["method"] == "cam" and rows[0]["heat_map"]
    assert (tmp_path / details[0]["overlay"]).is_file()


def test_a_class_that_there_is_not_is_refused(network, tmp_path):
    with pytest.raises(UserError, match="target=3 is not a class; expected 0 to 2"):
        HeatMapWriter(tmp_path, network, default_method(network), NAMES, target=3)
