import csv
from itertools import chain

import nibabel
import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor

from scripts.errors import UserError
from scripts.evaluation import PredictionWriter
from scripts.explanation import HeatMapWriter, TypeGradCAM, default_method
from scripts.lobes import LOBES, LobeMap, pack_lobes
from scripts.networks import da_resnet18, pa_66_m
from scripts.statistics import read_predictions

SHAPE = (32, 24, 40)
NAMES = ["non-pneumonia", "other pneumonia", "COVID-19"]
SCAN_AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])  # LPS
SCAN_SHAPE = (64, 48, 60)
ACCEPTED, NOT_FOUND = {"code": "", "message": ""}, {"code": "not_found", "message": "no such file"}


def item(name, refusal=ACCEPTED, lobes=""):
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = (-62.5, -46.5, 0.5)
    meta = {
        "original_affine": torch.from_numpy(SCAN_AFFINE),
        "original_shape": torch.tensor(SCAN_SHAPE),
        "flags": "",
        "lobes": lobes,
        "intensity": "HU",
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

    for position, one in enumerate(chain(*batches)):
        one["position"] = position
    engine = Engine(step)
    options = {"method": default_method(network)} | options
    HeatMapWriter(folder, network, class_names=NAMES, **options).attach(engine)
    PredictionWriter(folder, NAMES, folder / "model.pt", "0.1.0", {}).attach(engine)
    with torch.no_grad():
        engine.run(batches)
    with (folder / "heat_maps.csv").open(newline="") as file:
        return read_predictions(folder / "predictions.csv"), list(csv.DictReader(file))


class FarCorner:
    """A method that finds its heat in one corner, whatever it is shown."""

    name = "far_corner"

    def __init__(self, network):
        self.network = network

    def __call__(self, x, classes):
        maps = torch.zeros(len(x), *x.shape[2:])
        maps[:, -1, -1, -1] = 1
        return maps


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


@pytest.mark.parametrize(("build", "passes"), [(pa_66_m, 2), (da_resnet18, 3)])
def test_answer_and_heat_map_take_at_most_three_passes_and_no_convolution_is_differentiated(
    build, passes, tmp_path
):
    """The third pass reads the slice gates, for the overlay alone."""
    network = build(spatial_shape=SHAPE)
    forward, backward = [], []
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv3d)]
    convolutions[0].register_forward_hook(lambda *_: forward.append(1))
    for module in convolutions:
        module.register_full_backward_hook(lambda *_: backward.append(1))
    write(tmp_path, network, [[item("a.nii.gz")]])
    assert (len(forward), len(backward)) == (passes, 0)
    forward.clear()
    write(tmp_path, network, [[item("a.nii.gz")]], overlays=False)
    assert (len(forward), len(backward)) == (2, 0)


def test_a_class_that_there_is_not_is_refused(network, tmp_path):
    with pytest.raises(UserError, match="target=3 is not a class; expected 0 to 2"):
        HeatMapWriter(tmp_path, network, default_method(network), NAMES, target=3)


def test_known_lobes_give_a_row_each_and_heat_beside_the_lungs_a_flag(network, tmp_path):
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[0, 0, 0] = 3  # a lung in one corner of the grid, where little heat can be
    affine = np.diag([8.0, 6.0, 15.0, 1.0])
    affine[:3, 3] = (-59.5, -44.5, 6.5)
    scan = item("a.nii.gz", lobes=pack_lobes(LobeMap(labels, affine)))
    (row,), (detail,) = write(tmp_path, network, [[scan]], method=FarCorner(network), overlays=False)
    with (tmp_path / "lobes.csv").open(newline="") as file:
        lobes = {lobe["lobe"]: lobe for lobe in csv.DictReader(file)}
    assert set(lobes) == set(LOBES) and detail["lobes_from"] == "lobe network"
    assert float(lobes["right upper"]["volume_ml"]) == pytest.approx(8 * 6 * 15 / 1000, abs=0.1)
    assert float(lobes["left lower"]["volume_ml"]) == 0 and lobes["left lower"]["opacity_share"] == ""
    assert float(detail["heat_in_lungs"]) == 0 < float(detail["lungs_in_grid"])
    assert row["flags"] == "heat_outside_lungs" and detail["hottest_lobe"] == "outside the lungs"
