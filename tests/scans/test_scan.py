import numpy as np
import pytest
from toy_chest import affine_of, chest, orientations, reoriented

from scripts.scans.scan import AIR, Scan, box_affine


@pytest.mark.parametrize("orientation", orientations())
def test_every_orientation_is_viewed_alike_without_a_copy(orientation):
    array = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    affine = affine_of((1.5, 2.0, 3.0), (6, 10, 18))[1]
    turned, turned_affine = reoriented(array, affine, orientation)
    scan = Scan.from_array(turned, turned_affine)
    np.testing.assert_array_equal(scan.voxels, array)
    np.testing.assert_allclose(scan.affine, affine, atol=1e-9)
    assert np.shares_memory(scan.voxels, turned)


def test_a_tilt_stays_in_the_affine():
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]
    scan = Scan.from_array(np.zeros((4, 5, 6)), turn)
    np.testing.assert_allclose(scan.affine, turn)
    np.testing.assert_allclose(scan.spacing, 1)


def test_the_coarse_copy_covers_the_scan_and_keeps_a_coarser_axis():
    array, affine = chest((0.9, 1.2, 8.0), size=(90, 84, 96))
    scan = Scan.from_array(array, affine)
    assert scan.coarse.voxels.shape == (26, 24, 12)
    corner = [-0.5, -0.5, -0.5, 1]
    np.testing.assert_allclose(scan.coarse.affine @ corner, affine @ corner)
    np.testing.assert_allclose(scan.coarse.spacing, [90 / 26, 84 / 24, 8.0])


def test_the_coarse_copy_averages_and_never_falls_below_air():
    array, affine = chest((1.2, 1.2, 1.5), size=(96, 84, 60), noise=0)
    array[:3] = -3024  # padding outside a scanner's round field of view
    coarse = Scan.from_array(array, affine).coarse
    assert coarse.voxels.min() >= AIR
    assert abs(float(coarse.voxels[4:].mean()) - float(array[11:].mean())) < 10


def test_the_first_grid_voxel_lies_half_a_step_within_the_box():
    affine = box_affine(np.array([1.0, 2.0, 3.0]), np.array([5.0, 4.0, 9.0]), np.array([2, 4, 3]))
    np.testing.assert_allclose(affine @ [0, 0, 0, 1], [2.0, 2.25, 4.0, 1])
    np.testing.assert_allclose(affine @ [1, 3, 2, 1], [4.0, 3.75, 8.0, 1])


def test_the_coarse_copy_of_fine_voxels_lies_where_they_lie():
    affine = affine_of((0.6, 0.8, 0.5), (48, 56, 40))[1]
    ramp = np.add.outer(np.add.outer(np.arange(80) * 0.6, np.arange(70) * 0.8), np.arange(80) * 0.5)
    coarse = Scan(ramp.astype(np.float32), affine).coarse
    index = np.stack(np.meshgrid(*(np.arange(n) for n in coarse.voxels.shape), indexing="ij"), -1)
    world = index @ coarse.affine[:3, :3].T + coarse.affine[:3, 3]
    expected = (world - affine[:3, 3]).sum(-1)  # the ramp rises by one a mm along each axis
    np.testing.assert_allclose(coarse.voxels[1:-1, 1:-1, 1:-1], expected[1:-1, 1:-1, 1:-1], atol=1.0)
