import numpy as np
import pytest
import torch

from scripts.explanation import Anatomy, HeatMap, draw_overlay, save_overlay
from scripts.explanation.overlay import most_attended

pytest.importorskip("matplotlib")
AFFINE = np.diag([2.0, 3.0, 6.0, 1.0])


def everywhere(*shape):
    return Anatomy(body=np.ones(shape, dtype=bool), lungs=np.ones(shape, dtype=bool))


@pytest.fixture
def heat_map():
    heat = torch.zeros(20, 16, 12)
    heat[4, 11, 8] = 1
    heat[15, 3, 2] = 0.5
    return HeatMap(heat, scale=0.25, target=2)


def test_the_sheet_is_in_radiological_convention_and_true_in_mm(heat_map):
    figure = draw_overlay(torch.rand(20, 16, 12), AFFINE, heat_map, "a scan", everywhere(20, 16, 12))
    size = {"axial": (40, 48), "coronal": (40, 72), "sagittal": (48, 72)}
    for axes, (name, (across, up)) in zip(figure.axes[:3], size.items(), strict=True):
        assert axes.get_title().startswith(name)
        assert axes.get_aspect() == 1
        left, right = axes.get_xlim()
        bottom, top = axes.get_ylim()
        assert left - right == pytest.approx(across)  # R, or A, grows to the left
        assert top - bottom == pytest.approx(up)


def test_each_plane_goes_through_the_maximum_and_marks_it(heat_map):
    figure = draw_overlay(torch.rand(20, 16, 12), AFFINE, heat_map, "a scan", everywhere(20, 16, 12))
    heat, mm = heat_map.heat.numpy(), (4 * 2.0, 11 * 3.0, 8 * 6.0)
    planes = {"axial": heat[:, :, 8], "coronal": heat[:, 11], "sagittal": heat[4]}
    marks = {"axial": mm[:2], "coronal": (mm[0], mm[2]), "sagittal": mm[1:]}
    for axes, name in zip(figure.axes[:3], planes, strict=True):
        np.testing.assert_array_equal(axes.images[1].get_array(), planes[name].T)
        assert axes.images[0].get_extent() == axes.images[1].get_extent()
        mark = axes.lines[0]
        assert (mark.get_xdata()[0], mark.get_ydata()[0]) == marks[name]


def test_the_most_attended_slices_are_apart_and_leave_out_the_one_shown(heat_map):
    heat = np.zeros((2, 2, 16))
    heat[0, 0] = [0, 9, 8, 0, 0, 7, 0, 0, 0, 5, 0, 0, 0, 0, 0, 6]
    assert most_attended(heat, hottest=1) == [5, 15, 9]


def test_of_slices_with_the_same_heat_those_near_the_maximum_are_shown_and_lines_say_where():
    even = HeatMap(torch.ones(20, 16, 32), scale=1.0, target=2)
    assert even.hottest == (9, 7, 15)
    assert most_attended(even.heat.numpy(), hottest=15) == [11, 19, 7]
    figure = draw_overlay(torch.rand(20, 16, 32), AFFINE, even, "a scan", everywhere(20, 16, 32))
    coronal = figure.axes[1]
    assert [line.get_ydata()[0] for line in coronal.lines] == [15 * 6.0, 11 * 6.0, 19 * 6.0, 7 * 6.0]


def test_a_png_with_a_slice_curve_is_written(heat_map, tmp_path):
    figure = draw_overlay(
        torch.rand(20, 16, 12), AFFINE, heat_map, "a scan", everywhere(20, 16, 12), curve=torch.rand(12)
    )
    save_overlay(figure, tmp_path / "new" / "sheet.png")
    assert (tmp_path / "new" / "sheet.png").stat().st_size > 10_000


def test_a_map_of_zeros_and_a_single_slice_are_drawn():
    nothing = HeatMap(torch.zeros(6, 5, 1), scale=0.0, target=0)
    figure = draw_overlay(torch.rand(6, 5, 1), AFFINE, nothing, "nothing speaks for it", everywhere(6, 5, 1))
    assert len(figure.axes) == 7
    assert "no_heat" in figure.get_suptitle()
    assert not figure.axes[0].lines  # no cross where there is no maximum


def test_outside_the_body_and_where_there_is_no_heat_the_scan_shows_through(heat_map):
    body = np.ones((20, 16, 12), dtype=bool)
    body[:, :3] = False
    heat_map.heat[4, 1, 8] = 0.9
    figure = draw_overlay(torch.rand(20, 16, 12), AFFINE, heat_map, "a scan", Anatomy(body, body))
    opacity = figure.axes[0].images[1].get_alpha()  # axial, rows are A
    assert opacity[11, 4] > 0.5 and opacity[1, 4] == 0 and opacity[5, 9] == 0


def test_a_maximum_outside_the_lungs_is_said_in_the_picture(heat_map):
    lungs = np.ones((20, 16, 12), dtype=bool)
    lungs[4, 11, 8] = False
    figure = draw_overlay(torch.rand(20, 16, 12), AFFINE, heat_map, "a scan", Anatomy(lungs | True, lungs))
    assert "maximum_outside_lungs" in figure.get_suptitle() and figure.axes[0].lines
