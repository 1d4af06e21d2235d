import numpy as np
import pytest
import torch
from toy_chest import orientations, reoriented

from scripts.scans import Scan
from scripts.transforms import Box, grid_to_scan, scan_to_grid

SHAPE, SPACING = (40, 30, 22), (1.5, 2.0, 3.0)
BOX = Box((3.3, 2.1, -1.4), (36.2, 27.9, 21.0))
GRID = (24, 20, 28)


def world_affine():
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-12, 33, 140)
    return affine


RIPPLE = 0.3  # of a ramp of up to 3 a voxel: the triangle filter shifts a sample by up to a tenth of a voxel


def ramp(affine, shape):
    """A linear function of the world."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"))
    x, y, z = np.tensordot(affine[:3, :3], index, 1) + affine[:3, 3][:, None, None, None]
    return (2 * x - y + 0.5 * z).astype(np.float32)


@pytest.mark.parametrize("orientation", orientations()[::5])
def test_a_bright_dot_lies_where_the_affine_says(orientation):
    array = np.full(SHAPE, -1000, dtype=np.int16)
    array[25, 12, 9] = 3000
    turned, affine = reoriented(array, world_affine(), orientation)
    volume, grid_affine = scan_to_grid(Scan.from_array(turned, affine), BOX, GRID)
    brightest = np.array(np.unravel_index(int(volume.argmax()), GRID))
    expected = np.linalg.inv(grid_affine) @ world_affine() @ [25, 12, 9, 1]
    assert np.abs(brightest - expected[:3]).max() <= 0.5 + 1e-9


def test_a_function_of_the_world_is_the_same_function_on_the_grid():
    affine = world_affine()
    inner = Box((3.3, 2.1, 1.4), (36.2, 27.9, 19.0))
    volume, grid_affine = scan_to_grid(Scan(ramp(affine, SHAPE), affine), inner, GRID)
    np.testing.assert_allclose(volume.numpy(), ramp(grid_affine, GRID), atol=RIPPLE)


def test_the_grid_fills_its_box():
    _, grid_affine = scan_to_grid(Scan(ramp(world_affine(), SHAPE), world_affine()), BOX, GRID)
    to_scan = np.linalg.inv(world_affine()) @ grid_affine
    np.testing.assert_allclose((to_scan @ [-0.5, -0.5, -0.5, 1])[:3], BOX.low)
    np.testing.assert_allclose((to_scan @ [*(np.array(GRID) - 0.5), 1])[:3], BOX.high)


@pytest.mark.parametrize("orientation", orientations()[::7])
def test_a_volume_on_the_grid_returns_to_the_scans_own_voxels(orientation):
    turned, affine = reoriented(ramp(world_affine(), SHAPE), world_affine(), orientation)
    _, grid_affine = scan_to_grid(Scan.from_array(turned, affine), BOX, GRID)
    heat = torch.from_numpy(ramp(grid_affine, GRID))
    mapped = grid_to_scan(heat, grid_affine, affine, turned.shape, fill=-1e6).numpy()
    canonical = Scan.from_array(mapped, affine).voxels
    truth = ramp(world_affine(), SHAPE)
    np.testing.assert_allclose(canonical[6:34, 5:25, 2:19], truth[6:34, 5:25, 2:19], atol=RIPPLE)
    assert (canonical[:3] == -1e6).all()
    assert (canonical[:, 28:] == -1e6).all()


def test_there_and_back_a_smooth_scan_changes_little():
    affine = world_affine()
    i, j, k = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    smooth = (np.sin(i / 6) + np.cos(j / 7) * np.sin(k / 5)).astype(np.float32)
    whole = Box((-0.5, -0.5, -0.5), tuple(n - 0.5 for n in SHAPE))
    volume, grid_affine = scan_to_grid(Scan(smooth, affine), whole, (50, 36, 26))
    back = grid_to_scan(volume, grid_affine, affine, SHAPE).numpy()
    assert np.abs(back - smooth)[1:-1, 1:-1, 1:-1].max() < 0.03  # of an amplitude of 2


def test_a_grid_of_another_scan_is_refused():
    turn = np.eye(4)
    turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    with pytest.raises(ValueError, match="not the scan's"):
        grid_to_scan(torch.zeros(GRID), world_affine(), turn @ world_affine(), SHAPE)
