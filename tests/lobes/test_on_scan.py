import numpy as np
import pytest
import torch
from scipy import ndimage
from toy_chest import orientations, reoriented
from toy_lobes import SHAPE, affine, labels

from scripts.lobes import LobeMap, labels_on_scan
from scripts.lobes.segmenter import largest_pieces
from scripts.lobes.to_grid import sample_labels
from scripts.scans import Scan
from scripts.transforms import Box, scan_to_grid

BOX = Box((2.3, 1.2, 2.1), (41.6, 31.9, 29.2))
GRID = (64, 48, 56)


def one_hot(grid_labels):
    return torch.from_numpy(np.stack([grid_labels == k for k in range(6)]).astype(np.float32))


@pytest.mark.parametrize("orientation", orientations()[::5])
@pytest.mark.parametrize("grid", [GRID, (24, 20, 16)], ids=["finer", "coarser"])
def test_there_and_back_each_voxel_keeps_its_lobe_but_for_one_voxel_at_borders(orientation, grid):
    truth = labels(affine(), SHAPE)
    turned, matrix = reoriented(truth, affine(), orientation)
    scan = Scan.from_array(turned, matrix)
    _, grid_affine = scan_to_grid(scan, BOX, grid)
    on_grid = sample_labels(LobeMap(scan.voxels, scan.affine), grid_affine, grid)
    back = labels_on_scan(one_hot(on_grid), grid_affine, matrix, turned.shape)
    assert back.shape == turned.shape and back.dtype == np.uint8
    returned = Scan.from_array(back, matrix).voxels
    padded = np.pad(truth, 1, mode="edge")
    moves = np.ndindex(3, 3, 3)
    neighbours = [padded[tuple(slice(m, m + n) for m, n in zip(move, SHAPE, strict=True))] for move in moves]
    reach = [returned == neighbour for neighbour in neighbours]
    assert np.any(reach, axis=0).all() if grid == GRID else np.any(reach, axis=0).mean() > 0.999
    assert (returned == truth).mean() > (0.97 if grid == GRID else 0.9)


def test_a_border_runs_between_grid_voxels_where_the_probabilities_cross():
    probabilities = torch.zeros(6, 2, 2, 2)
    probabilities[1, 0], probabilities[2, 0] = 0.9, 0.1
    probabilities[1, 1], probabilities[2, 1] = 0.3, 0.7  # 0.9 - 0.6 t = 0.1 + 0.6 t at t = 2/3
    fine = np.diag([0.1, 1.0, 1.0, 1.0])
    back = labels_on_scan(probabilities, np.eye(4), fine, (11, 2, 2))
    np.testing.assert_array_equal(back[:, 0, 0], [1] * 7 + [2] * 4)


def test_beyond_the_grid_is_background():
    probabilities = one_hot(np.full((4, 5, 6), 3, dtype=np.uint8))
    matrix = np.eye(4)
    matrix[:3, 3] = (-3, -2, -4)
    back = labels_on_scan(probabilities, np.eye(4), matrix, (10, 9, 14))
    expected = np.zeros((10, 9, 14), dtype=np.uint8)
    expected[3:7, 2:7, 4:10] = 3
    np.testing.assert_array_equal(back, expected)
    matrix[0, 3] = 100
    assert not labels_on_scan(probabilities, np.eye(4), matrix, (10, 9, 14)).any()


def test_a_stray_piece_goes_to_the_next_likeliest_class():
    grid = np.zeros((9, 7, 6), dtype=np.uint8)
    grid[:4], grid[6:] = 1, 2
    probabilities = one_hot(grid)
    probabilities[:, 8, 3, 3] = torch.tensor([0, 0.6, 0.4, 0, 0, 0])
    probabilities[:, 5, 6, 5] = torch.tensor([0.1, 0, 0.9, 0, 0, 0])  # touches lobe 2 by a face: stays
    cleaned = largest_pieces(probabilities).argmax(dim=0)
    assert cleaned[8, 3, 3] == 2 and cleaned[5, 6, 5] == 2
    assert (cleaned[:4] == 1).all()


def test_each_lobe_is_left_in_one_piece_however_noisy_the_answer():
    noisy = (3 * torch.randn(6, 12, 10, 14)).softmax(dim=0)
    cleaned = largest_pieces(noisy).argmax(dim=0).numpy()
    assert ndimage.label(noisy.argmax(dim=0).numpy() == 1)[1] > 1
    assert all(ndimage.label(cleaned == lobe)[1] <= 1 for lobe in range(1, 6))
