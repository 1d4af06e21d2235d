import numpy as np
import pytest

from scripts.phantoms.geometry import FAR, Frame, ball, interpolation, smooth_minimum, smooth_noise, tube

AXES = tuple(np.arange(-half, half + 1, 4).astype(np.float32) for half in (48, 40, 60))  # S, A, R


@pytest.fixture(scope="module")
def frame():
    up, front, right = np.meshgrid(*AXES, indexing="ij")
    return Frame(AXES, up, front, right)


def test_interpolation_reproduces_quadratics():
    source, target = np.arange(-20, 21, 4.0), np.linspace(-12, 12, 31)
    np.testing.assert_allclose(interpolation(source, target) @ source**2, target**2, atol=1e-4)


def test_interpolation_extends_the_border():
    weights = interpolation(np.arange(5.0), np.array([-3.0, 9.0]))
    np.testing.assert_allclose(weights @ np.array([7.0, 1, 1, 1, 5]), [7, 5])


def test_noise_is_the_same_on_any_part_of_the_lattice():
    whole = smooth_noise(np.random.default_rng(0), AXES, 30)
    part = smooth_noise(np.random.default_rng(0), (AXES[0][3:9], AXES[1], AXES[2][5:]), 30)
    np.testing.assert_allclose(whole[3:9, :, 5:], part, atol=1e-5)


def test_noise_has_unit_variance():
    wide = [np.arange(-290.0, 290, 7)] * 3
    assert smooth_noise(np.random.default_rng(1), wide, 40).std() == pytest.approx(1, abs=0.15)


def test_ball_has_the_volume_of_an_ellipsoid(frame):
    field = np.full(frame.shape, FAR, np.float32)
    ball(field, frame, (4, -6, 2), (40, 24, 32))
    assert (field < 0).sum() * 64 == pytest.approx(4 / 3 * np.pi * 40 * 24 * 32, rel=0.03)


def test_tube_has_the_volume_of_a_capsule(frame):
    field = np.full(frame.shape, FAR, np.float32)
    tube(field, frame, [(-30, 0, 0), (0, 0, 0), (30, 0, 0)], 14)
    assert (field < 0).sum() * 64 == pytest.approx(np.pi * 14**2 * 60 + 4 / 3 * np.pi * 14**3, rel=0.06)


def test_smooth_minimum_is_a_minimum_where_shapes_are_apart():
    a, b = np.array([1.0, -3.0, 0.0]), np.array([9.0, 8.0, 0.0])
    np.testing.assert_allclose(smooth_minimum(a, b, 4), [1, -3, -1])  # at equality: -blend / 4
