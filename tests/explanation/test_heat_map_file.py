import nibabel
import numpy as np
import pytest
import torch
from bright_cube import BrightnessNetwork, orientations, reoriented

from scripts.explanation import GradCAM, explain, heat_on_scan, save_heat_map
from scripts.scans import Scan
from scripts.transforms import Box, scan_to_grid

SPACING = (1.5, 2.0, 5.0)


def scan_with_a_bright_cube(orientation):
    """Return a scan, its affine, and where the cube of 200 HU lies in it."""
    voxels = np.full((40, 32, 12), -850, np.int16)
    voxels[9:16, 20:26, 7:9] = 200
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-30, 12, 7)
    turned, turned_affine = reoriented(voxels, affine, orientation)
    return turned, turned_affine, turned == 200


@pytest.mark.parametrize(
    "orientation", orientations(), ids=lambda o: "".join(nibabel.orientations.ornt2axcodes(o))
)
def test_the_maximum_lies_on_the_bright_cube_in_the_scan_s_voxels(orientation, tmp_path):
    """From the scan to the grid, through Grad-CAM, back to the scan and to a file on its geometry."""
    voxels, affine, cube = scan_with_a_bright_cube(orientation)
    scan, box = Scan.from_array(voxels, affine), Box((1.0, 5.5, 0.0), (34.0, 31.0, 12.5))
    grid, grid_affine = scan_to_grid(scan, box, (24, 20, 16))
    x = ((grid + 500) / 1500 + 0.5).clamp(0, 1)[None, None]
    (heat_map,) = explain(GradCAM(BrightnessNetwork(), layer="features"), x, torch.tensor([2]))
    steps = heat_on_scan(heat_map.heat, grid_affine, affine, voxels.shape)
    save_heat_map(steps, affine, tmp_path / "new" / "heat.nii.gz", "a cube")
    image = nibabel.load(tmp_path / "new" / "heat.nii.gz")
    assert image.shape == voxels.shape and image.get_data_dtype() == np.uint8
    np.testing.assert_allclose(image.affine, affine, atol=1e-5)
    heat = image.get_fdata()
    assert 0.9 < heat.max() <= 1 and heat.min() >= 0
    assert cube[np.unravel_index(heat.argmax(), heat.shape)]
    voxel = np.linalg.inv(affine) @ [*heat_map.hottest_in_world(grid_affine), 1]
    assert cube[tuple(np.round(voxel[:3]).astype(int))]


def test_255_steps_show_as_0_to_1_within_half_a_step(tmp_path):
    heat = torch.rand(6, 5, 4)
    steps = heat_on_scan(heat, np.eye(4), np.eye(4), (6, 5, 4))
    save_heat_map(steps, np.eye(4), tmp_path / "heat.nii.gz", "x" * 200)
    image = nibabel.load(tmp_path / "heat.nii.gz")
    np.testing.assert_allclose(image.get_fdata(), heat.numpy(), atol=0.5 / 255 + 1e-6)
    assert image.header["descrip"].item() == b"x" * 79
    assert image.header.get_xyzt_units()[0] == "mm"


def test_what_the_network_did_not_see_is_zero():
    grid_affine = np.diag([1.0, 1, 1, 1])
    grid_affine[:3, 3] = (2, 1, 3)
    steps = heat_on_scan(torch.ones(3, 4, 2), grid_affine, np.eye(4), (9, 8, 7))
    assert (steps[2:5, 1:5, 3:5] == 255).all() and steps.sum() == 255 * 3 * 4 * 2
