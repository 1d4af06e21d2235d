import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from toy_chest import chest, orientations, reoriented

from scripts.scans import RefusedScan, Scan
from scripts.transforms import LungRegion, ToGrid, ToGridd, WholeScanRegion

SHAPE = (40, 32, 36)


def image(array, affine, name="toy.nii.gz"):
    return MetaTensor(torch.from_numpy(array)[None], affine=affine, meta={"filename_or_obj": name})


@pytest.fixture(scope="module")
def toy():
    array, affine = chest()
    return array, affine, ToGrid(LungRegion(), SHAPE)(image(array, affine))


@pytest.mark.parametrize("orientation", orientations()[1::4])
def test_any_orientation_gives_the_same_bits(toy, orientation):
    array, affine, expected = toy
    grid = ToGrid(LungRegion(), SHAPE)(image(*reoriented(array, affine, orientation)))
    assert torch.equal(grid.as_tensor(), expected.as_tensor())
    torch.testing.assert_close(grid.affine, expected.affine)


@pytest.mark.parametrize("spacing", [(2.4, 1.8, 2.5), (2.25, 3.0, 5.0), (4.0, 3.75, 3.0)])  # all divide SIZE
@pytest.mark.parametrize("region", [LungRegion(), WholeScanRegion()])
def test_any_spacing_gives_the_same_grid_within_interpolation_error(spacing, region):
    grids = [ToGrid(region, SHAPE)(image(*chest(voxel, noise=0))) for voxel in ((2.5, 2.5, 2.5), spacing)]
    faces = [g.affine.numpy() @ [-0.5, -0.5, -0.5, 1] for g in grids]
    assert np.abs(faces[0] - faces[1]).max() < 1.5  # mm
    difference = (grids[0] - grids[1]).abs().as_tensor()
    assert float(difference.mean()) < 0.02  # of a window of 0..1: at edges the coarser scan is blurred
    assert float(difference.quantile(0.5)) < 0.002


def test_an_oblique_scan_keeps_its_tilt_in_the_grids_affine(toy):
    array, affine, _ = toy
    angle = np.deg2rad(12)
    tilt = np.eye(4)
    tilt[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    grid = ToGrid(LungRegion(), SHAPE)(image(array, tilt @ affine))
    torch.testing.assert_close(grid.affine, torch.from_numpy(tilt) @ toy[2].affine)
    assert torch.equal(grid.as_tensor(), toy[2].as_tensor())


def test_the_window_maps_its_edges_to_0_and_1_and_clamps():
    array, affine = chest((4.0, 5.0, 8.0), noise=0)
    hounsfield = {}
    for window in ((-500.0, 1500.0), (0.0, 1e6)):
        hounsfield[window] = ToGrid(WholeScanRegion(), SHAPE, window)(image(array, affine)).as_tensor()
    narrow, wide = hounsfield.values()
    values = (wide - 0.5) * 1e6
    torch.testing.assert_close(narrow, ((values + 1250) / 1500).clamp(0, 1), atol=1e-4, rtol=0)
    assert narrow.max() == 1  # the spine's 400 HU lie above the window's 250


def test_the_result_carries_what_maps_it_back(toy):
    array, affine, grid = toy
    assert grid.shape == (1, *SHAPE)
    assert grid.dtype == torch.float32
    np.testing.assert_allclose(grid.meta["original_affine"], affine)
    assert grid.meta["original_shape"].tolist() == list(array.shape)
    assert grid.meta["region"] == "LungRegion(margin=10.0)"
    assert grid.meta["flags"] == ""
    assert grid.meta["filename_or_obj"] == "toy.nii.gz"
    box = LungRegion()(Scan.from_array(array, affine))
    np.testing.assert_allclose(grid.meta["box_low"], box.low)
    np.testing.assert_allclose(grid.meta["box_high"], box.high)


def test_the_blank_of_a_refused_scan_looks_like_any_other_item(toy):
    blank = ToGrid(LungRegion(), SHAPE).blank("bad.nii")
    assert blank.meta.keys() == toy[2].meta.keys()
    assert blank.shape == toy[2].shape
    assert blank.dtype == toy[2].dtype
    assert blank.eq(0).all()


def test_the_input_is_left_as_it_was(toy):
    array, affine, _ = toy
    before = array.copy()
    ToGrid(LungRegion(), SHAPE)(image(array, affine))
    np.testing.assert_array_equal(array, before)


def test_the_refusal_names_the_file():
    with pytest.raises(RefusedScan, match=r"flat\.nii: .*expected"):
        ToGrid(LungRegion(), SHAPE)(image(np.zeros((20, 21, 22), np.int16), np.eye(4), "flat.nii"))


def test_the_dictionary_version_passes_other_keys_through(toy):
    array, affine, expected = toy
    out = ToGridd("image", LungRegion(), SHAPE)(
        {"image": image(array, affine), "image_path": "x", "label": 2}
    )
    assert torch.equal(out["image"].as_tensor(), expected.as_tensor())
    assert (out["image_path"], out["label"]) == ("x", 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((LungRegion(), (96, 96)), r"spatial_shape=\(96, 96\)"),
        ((LungRegion(), (96, 0, 96)), r"spatial_shape=\(96, 0, 96\)"),
        ((LungRegion(), SHAPE, (-500.0, 0.0)), r"window=\(-500.0, 0.0\)"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ToGrid(*arguments)


def test_orientation_codes_of_the_grid_are_ras(toy):
    assert nibabel.aff2axcodes(toy[2].affine.numpy()) == ("R", "A", "S")
