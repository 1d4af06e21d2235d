"""Heat maps as files and pictures, and the lobes they lie in."""

import csv
import itertools

import nibabel
import numpy as np
import pytest
import torch
from toy_answers import NOT_FOUND, SCAN_AFFINE, SCAN_SHAPE, SHAPE, item

from scripts.answering import HeatMapFiles, HeatMapPictures, PredictionFiles, Predictor
from scripts.errors import UserError
from scripts.explanation import TypeGradCAM
from scripts.lobes import LOBES, LobeMap, pack_lobes
from scripts.statistics import read_predictions


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def write(drive, tmp_path):
    """Write the heat maps of some items; return the rows of predictions.csv and of heat_maps.csv."""

    def run(predictor, batches, pictures=True):
        sinks = [PredictionFiles(tmp_path, "0.1.0"), HeatMapFiles(tmp_path)]
        drive(predictor, sinks + [HeatMapPictures(tmp_path)] * pictures, batches, explain=True)
        return read_predictions(tmp_path / "predictions.csv"), rows_of(tmp_path / "heat_maps.csv")

    return run


@pytest.fixture(scope="module")
def depth_attention(tmp_path_factory, save_model):
    """The predictor of a network with depth attention, which has slice gates."""
    path = tmp_path_factory.mktemp("depth_attention") / "model.pt"
    save_model(path, "recipe_da_resnet18.yaml", base="train.yaml", spatial_shape=list(SHAPE))
    return Predictor(path)


class FarCorner:
    """A method that finds its heat in one corner, whatever it is shown."""

    name = "far_corner"

    def __init__(self, network):
        self.network = network

    def __call__(self, x, classes):
        maps = torch.zeros(len(x), *x.shape[2:])
        maps[:, -1, -1, -1] = 1
        return maps


def test_each_answered_scan_has_a_heat_map_in_its_geometry_and_a_refused_one_has_none(
    predictor, write, tmp_path
):
    batches = [[item("one/a.nii.gz"), item("b.nii.gz", NOT_FOUND)], [item("two/a.nii.gz")]]
    rows, details = write(predictor, batches)
    assert [row["heat_map"] for row in rows] == ["heat_maps/0000_a.nii.gz", "", "heat_maps/0002_a.nii.gz"]
    assert [row["image"] for row in details] == ["one/a.nii.gz", "two/a.nii.gz"]
    assert len(list((tmp_path / "heat_maps").iterdir())) == 4
    for row, detail in zip(rows[::2], details, strict=True):
        image = nibabel.load(tmp_path / row["heat_map"])
        assert image.shape == SCAN_SHAPE
        np.testing.assert_allclose(image.affine, SCAN_AFFINE)
        assert detail["target"] == row["prediction"] and detail["method"] == "grad_cam_type"
        assert row["prediction"] in image.header["descrip"].item().decode()
        picture = tmp_path / row["heat_map"].replace(".nii.gz", ".png")
        assert picture.stat().st_size > 10_000
        if float(detail["scale"]):
            assert image.get_fdata().max() > 0.9


def test_the_map_and_the_place_of_its_maximum_are_those_of_the_method(checkpoint, write):
    scan, predictor = item("a.nii.gz"), Predictor(checkpoint, explain_target=2)
    _, (detail,) = write(predictor, [[scan]], pictures=False)
    raw = TypeGradCAM(predictor.network)(scan["image"].as_tensor()[None], torch.tensor([2]))[0]
    assert float(detail["scale"]) == pytest.approx(float(raw.max())) and raw.max() > 0
    place = np.array([float(detail[f"maximum_{axis}"]) for axis in "ras"])
    voxel = np.round(np.linalg.inv(scan["image"].affine.numpy()) @ [*place, 1])[:3].astype(int)
    assert raw[tuple(voxel)] == raw.max()
    assert detail["target"] == "COVID-19"


def test_an_answer_that_is_not_finite_has_no_heat_map(checkpoint, write):
    broken = Predictor(checkpoint)
    torch.nn.init.constant_(broken.network.combined_head[-1].bias, torch.nan)
    rows, details = write(broken, [[item("a.nii.gz")]])
    assert rows[0]["heat_map"] == "" and details == []


def test_a_depth_attention_network_shows_its_slice_gates(depth_attention, write, tmp_path):
    rows, details = write(depth_attention, [[item("a.nii.gz")]])
    assert details[0]["method"] == "cam" and (tmp_path / rows[0]["heat_map"]).is_file()
    (answer,) = depth_attention.answers([item("a.nii.gz", position=0)], torch.tensor([[0.2, 0.3, 0.5]]), True)
    assert answer.explanation.slice_curve.shape == SHAPE[2:]


@pytest.mark.parametrize(("which", "passes"), [("predictor", 2), ("depth_attention", 3)])
def test_answer_and_heat_map_take_at_most_three_passes_and_no_convolution_is_differentiated(
    which, passes, write, request
):
    """The third pass reads the slice gates, for the picture alone."""
    predictor = request.getfixturevalue(which)
    forward, backward = [], []
    convolutions = [part for part in predictor.network.modules() if isinstance(part, torch.nn.Conv3d)]
    handles = [convolutions[0].register_forward_hook(lambda *_: forward.append(1))]
    handles += [part.register_full_backward_hook(lambda *_: backward.append(1)) for part in convolutions]
    write(predictor, [[item("a.nii.gz")]])
    assert (len(forward), len(backward)) == (passes, 0)
    forward.clear()
    write(predictor, [[item("a.nii.gz")]], pictures=False)
    assert (len(forward), len(backward)) == (2, 0)
    for handle in handles:
        handle.remove()


def test_a_class_that_there_is_not_is_refused(checkpoint):
    with pytest.raises(UserError, match="explain_target=3 is not a class; expected 0 to 2"):
        Predictor(checkpoint, explain_target=3)


def test_known_lobes_give_a_row_each_and_heat_beside_the_lungs_a_flag(checkpoint, write, tmp_path):
    scan = item("a.nii.gz", lobes=lobes_in_a_corner())
    predictor = Predictor(checkpoint, method=lambda network, window: FarCorner(network))
    (row,), (detail,) = write(predictor, [[scan]], pictures=False)
    lobes = {lobe["lobe"]: lobe for lobe in rows_of(tmp_path / "lobe_opacity.csv")}
    assert set(lobes) == set(LOBES) and detail["lobes_from"] == "lobe network"
    assert float(lobes["right upper"]["volume_ml"]) == pytest.approx(6 * 6 * 6 / 1000, abs=0.05)
    assert float(lobes["left lower"]["volume_ml"]) == 0 and lobes["left lower"]["opacity_share"] == ""
    assert float(detail["heat_in_lungs"]) == 0 < float(detail["lungs_in_grid"])
    assert "heat_outside_lungs" in row["flags"].split() and detail["hottest_lobe"] == "outside the lungs"


def test_sinks_in_any_order_write_the_same_bytes_and_change_nothing(predictor, drive, tmp_path):
    def make(folder):
        return [PredictionFiles(folder, "0.1.0"), HeatMapFiles(folder), HeatMapPictures(folder)]

    written = []
    for number, order in enumerate(itertools.permutations(range(3))):
        folder = tmp_path / str(number)
        scans = [item("a.nii.gz", lobes=lobes_in_a_corner()), item("b.nii.gz", NOT_FOUND)]
        before = [{key: str(value) for key, value in scan.items()} for scan in scans]
        meta = [dict(scan["image"].meta) for scan in scans]
        drive(predictor, [make(folder)[index] for index in order], [scans], explain=True)
        for scan, kept, known in zip(scans, before, meta, strict=True):
            position = {"position": str(scan["position"])}
            assert {key: str(value) for key, value in scan.items()} == kept | position
            assert scan["image"].meta.keys() == known.keys()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        written.append({str(path.relative_to(folder)): path.read_bytes() for path in files})
    assert len(written[0]) == 6  # two of predictions, two of tables, a heat map and its picture
    assert all(other == written[0] for other in written[1:])


def lobes_in_a_corner():
    """Return the packed map of one lobe, a cube of 6 mm in a corner of the grid, where little heat is."""
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[0, 0, 0] = 3
    affine = np.diag([6.0, 6.0, 6.0, 1.0])
    affine[:3, 3] = (-44.5, -42.5, 2.0)
    return pack_lobes(LobeMap(labels, affine))
