import numpy as np
import pytest

from scripts.phantoms import draw_phantom
from scripts.phantoms.lungs import lobe_labels

SEEDS = range(20, 25)


@pytest.fixture(scope="module")
def scans():
    return [draw_phantom(seed, 0, (56, 50, 44), orientation="RAS") for seed in SEEDS]


def volumes(scan):
    return (
        np.bincount(scan.lobes.ravel(), minlength=6)[1:] * np.abs(np.linalg.det(scan.affine)) / 1e6
    )  # litres


def middle(scan, lobe, axis):
    return np.argwhere(scan.lobes == lobe)[:, axis].mean()


def test_hand_worked_lobes():
    above, below = 1.0, -1.0
    oblique = np.array([above, below, above, above, below, above])
    horizontal = np.array([below, above, above, below, above, above])
    left = np.array([True, True, False, False, False, False])
    inside = np.array([1, 1, 1, 1, 1, 0], bool)
    assert lobe_labels(inside, left, oblique, horizontal).tolist() == [1, 2, 3, 4, 5, 0]


def test_every_lobe_is_there_in_plausible_proportion(scans):
    """Oracle: lobes' shares of the lungs in life, about 23, 24, 19, 8 and 26 %."""
    shares = np.mean([volumes(scan) / volumes(scan).sum() for scan in scans], axis=0)
    assert shares == pytest.approx([0.23, 0.24, 0.19, 0.08, 0.26], abs=0.06)


def test_lung_volume_is_that_of_adults(scans):
    assert all(2.5 < volumes(scan).sum() < 8.5 for scan in scans)


def test_right_lung_is_larger_than_left(scans):
    left, right = np.mean([(volumes(s)[:2].sum(), volumes(s)[2:].sum()) for s in scans], axis=0)
    assert 1.0 < right / left < 1.4


def test_lobes_lie_where_they_do_in_life(scans):
    right, front, up = range(3)
    for scan in scans:
        assert max(middle(scan, lobe, right) for lobe in (1, 2)) < min(
            middle(scan, lobe, right) for lobe in (3, 4, 5)
        )
        assert middle(scan, 1, up) > middle(scan, 2, up)
        assert middle(scan, 3, up) > max(middle(scan, 4, up), middle(scan, 5, up))
        assert middle(scan, 4, front) > middle(scan, 3, front) > middle(scan, 5, front)


def test_oblique_fissures_fall_from_back_to_front(scans):
    """Down each column of voxels upper lobes come before lower ones, and higher behind than in front."""
    for scan in scans:
        lower = np.isin(scan.lobes, (2, 5))
        top = np.where(lower.any(2), lower.shape[2] - 1 - lower[:, :, ::-1].argmax(2), -1)
        rows, columns = np.nonzero(top >= 0)
        assert np.corrcoef(columns, top[rows, columns])[0, 1] < -0.6


def test_lower_lobes_touch_the_diaphragm(scans):
    for scan in scans:
        lowest = [np.argwhere(scan.lobes == lobe)[:, 2].min() for lobe in range(1, 6)]
        assert min(lowest) == min(lowest[1], lowest[4])


def test_each_lobe_is_one_piece(scans):
    from scipy.ndimage import label

    for scan in scans:
        for lobe in range(1, 6):
            pieces, _ = label(scan.lobes == lobe)
            sizes = np.bincount(pieces.ravel())[1:]
            assert sizes.max() > 0.97 * sizes.sum()
