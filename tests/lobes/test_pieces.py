import numpy as np
import torch
from scipy import ndimage
from toy_lobes import SHAPE, affine, labels

from scripts.lobes import labels_on_scan
from scripts.lobes.segmenter import join_islands


def pieces(label_map):
    return [ndimage.label(label_map == lobe)[1] for lobe in range(1, 6)]


def test_an_island_becomes_what_most_of_its_faces_touch():
    label_map = np.zeros((7, 5, 4), dtype=np.uint8)
    label_map[:4], label_map[4:] = 1, 5
    truth = label_map.copy()
    label_map[1, 2, 2] = 5  # six faces in lobe 1
    label_map[6, 4, 3] = 1  # in a corner of lobe 5
    join_islands(label_map)
    np.testing.assert_array_equal(label_map, truth)


def test_an_island_in_background_goes():
    label_map = np.zeros((9, 6, 5), dtype=np.uint8)
    label_map[:4] = truth = 2
    label_map[6:8, 2:5, 1:3] = 2
    label_map[8, 5, 4] = 3  # a lobe of one voxel is its largest piece
    join_islands(label_map)
    assert (label_map[:4] == truth).all() and not label_map[4:8].any() and label_map[8, 5, 4] == 3


def test_islands_in_islands_leave_every_lobe_in_one_piece():
    label_map = np.random.default_rng(0).integers(0, 6, (14, 11, 17)).astype(np.uint8)
    kept = {lobe: np.bincount(ndimage.label(label_map == lobe)[0].ravel())[1:].max() for lobe in range(1, 6)}
    join_islands(label_map)
    assert max(pieces(label_map)) == 1
    assert all((label_map == lobe).sum() >= size for lobe, size in kept.items())


def test_true_lobes_stay_as_they_are():
    truth = labels(affine(), SHAPE)
    label_map = truth.copy()
    join_islands(label_map)
    np.testing.assert_array_equal(label_map, truth)


def test_a_bridge_that_the_scans_voxels_miss_leaves_no_island_in_the_written_map():
    probabilities = torch.zeros(6, 24, 16, 20)
    probabilities[0] = 0.4
    probabilities[1, 2:9, 3:12, 4:15] = 1.0
    probabilities[1, 14:18, 3:12, 4:15] = 1.0
    probabilities[1, 9:14, 7, 9] = 0.6  # one grid voxel thin
    matrix = np.diag([3.0, 3.0, 3.0, 1.0])
    matrix[:3, 3] = (0.0, 2.0, 1.0)
    back = labels_on_scan(probabilities, np.eye(4), matrix, (8, 5, 6))
    assert pieces(back)[0] == 1
    assert back[1, 1, 2] == 1 and not back[5].any()
