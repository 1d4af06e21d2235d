import numpy as np
import pytest

from scripts.phantoms.vessels import Branches, ball_points, grow_tree, splat, tube_points

AXES = (np.arange(0, 60, 3.0), np.arange(-30, 30, 1.5), np.arange(-40, 40, 2.0))  # S, A, R


@pytest.fixture
def tree():
    random = np.random.default_rng(0)
    return grow_tree(random, np.zeros(3), random.uniform(20, 90, (64, 3)), 4.0)


def test_tree_reaches_every_tip():
    random = np.random.default_rng(0)
    tips = random.uniform(20, 90, (32, 3))
    ends = grow_tree(random, np.zeros(3), tips, 4.0).end
    nearest = np.linalg.norm(tips[:, None] - ends[None], axis=2).min(1)
    assert nearest.max() < 12  # the last piece may stray by some per cent of its length


def test_every_piece_starts_where_another_ends(tree):
    ends = {tuple(np.round(end, 6)) for end in tree.end}
    starts = {tuple(np.round(start, 6)) for start in tree.start}
    assert starts - ends == {(0.0, 0.0, 0.0)}


def test_radii_obey_murrays_law(tree):
    """Oracle: the cubes of the radii of each generation add up to the root's."""
    first = 0
    for generation in range(7):
        pieces = tree.radius[first : first + 2**generation]
        assert (pieces**3).sum() == pytest.approx(4.0**3)
        first += 2**generation


@pytest.mark.parametrize("radius", [0.3, 1.0])
def test_thin_tube_fills_its_true_volume(radius):
    tube = Branches(np.array([[-20.0, 3.3, 10.1]]), np.array([[21.0, -4.0, 43.0]]), np.array([radius]))
    points, volumes = tube_points(tube, voxel=9.0)
    length = np.linalg.norm(tube.end - tube.start)
    filled = splat(points, volumes, AXES).sum() * 9.0
    assert filled == pytest.approx(np.pi * radius**2 * length, rel=0.02)


def test_thick_tube_is_solid_inside_and_empty_outside():
    tube = Branches(np.array([[0.0, 0.0, 5.0]]), np.array([[0.0, 0.0, 55.0]]), np.array([8.0]))
    filled = splat(*tube_points(tube, voxel=9.0), AXES)
    distance = np.hypot(AXES[1][:, None], AXES[2])
    assert filled[10][distance < 5].mean() > 0.85
    assert not filled[10][distance > 11].any()


def test_points_stay_inside_their_ball():
    centres, radii = np.array([[1.0, 2, 3], [30, 0, -5]]), np.array([2.0, 6.0])
    points, volumes = ball_points(centres, radii, voxel=2.0)
    distance = np.linalg.norm(points[:, None] - centres, axis=2)
    assert (distance <= radii + 1e-9).any(1).all()
    assert volumes.sum() == pytest.approx((4 / 3 * np.pi * radii**3).sum())


def test_points_outside_the_scan_are_ignored():
    assert not splat(np.array([[500.0, 0, 0]]), np.array([9.0]), AXES).any()
