import numpy as np
import pytest

from scripts.transforms import PLANES, plane_of, show_plane

VOXELS = np.arange(4 * 3 * 2.0).reshape(4, 3, 2)
POSITIONS = [np.arange(4) * 2.0, np.arange(3) * 3.0, np.arange(2) * 5.0]  # mm


def test_a_plane_is_the_nearest_one_with_rows_running_up():
    across, up, picture = plane_of(VOXELS, POSITIONS, PLANES["coronal"], (0.0, 3.4, 0.0))
    np.testing.assert_array_equal(picture, VOXELS[:, 1].T)
    assert (across[-1], up[-1]) == (6.0, 5.0)


@pytest.mark.parametrize(
    ("name", "limits"), [("axial", (7, -1, -1.5, 7.5)), ("sagittal", (7.5, -1.5, -2.5, 7.5))]
)
def test_right_and_anterior_are_on_the_left_and_millimetres_are_true(name, limits):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    shown = show_plane(axes, VOXELS, POSITIONS, PLANES[name], (2.0, 3.0, 5.0), alpha=VOXELS / VOXELS.max())
    assert (*axes.get_xlim(), *axes.get_ylim()) == limits and axes.get_aspect() == 1
    assert shown.get_alpha().shape == shown.get_array().shape
