import numpy as np
import pytest
import torch

from scripts.explanation import explain

X, CLASSES = torch.zeros(2, 1, 3, 4, 5), torch.tensor([2, 0])


class Fixed:
    name = "fixed"

    def __init__(self, maps):
        self.maps = maps

    def __call__(self, x, classes):
        return self.maps


def test_each_map_is_divided_by_its_own_maximum_which_is_kept():
    maps = torch.rand(2, 3, 4, 5) * torch.tensor([0.01, 50.0])[:, None, None, None]
    found = explain(Fixed(maps), X, CLASSES)
    assert [heat_map.target for heat_map in found] == [2, 0]
    for heat_map, raw in zip(found, maps, strict=True):
        assert heat_map.heat.max() == 1 and heat_map.scale == raw.max()
        torch.testing.assert_close(heat_map.heat * heat_map.scale, raw)


def test_a_map_of_zeros_stays_zero():
    maps = torch.stack([torch.zeros(3, 4, 5), torch.ones(3, 4, 5)])
    nothing, even = explain(Fixed(maps), X, CLASSES)
    assert nothing.scale == 0 and not nothing.heat.any()
    assert even.scale == 1 and even.hottest == (1, 1, 2)


def test_the_hottest_place_is_found_in_the_world():
    maps = torch.zeros(2, 3, 4, 5)
    maps[:, 1, 3, 2] = 1
    affine = np.array([[2.0, 0, 0, -10], [0, 3, 0, 5], [0, 0, 4, 1], [0, 0, 0, 1]])
    heat_map = explain(Fixed(maps), X, CLASSES)[0]
    assert heat_map.hottest == (1, 3, 2)
    np.testing.assert_allclose(heat_map.hottest_in_world(affine), (-8, 14, 9))


def test_of_a_plateau_the_middle_is_the_hottest_and_of_two_the_larger_has_more_say():
    maps = torch.zeros(2, 3, 4, 5)
    maps[:, 2, 1:4] = 1
    maps[1, 0, 0, 0] = 1
    assert [heat_map.hottest for heat_map in explain(Fixed(maps), X, CLASSES)] == [(2, 2, 2), (2, 2, 2)]


@pytest.mark.parametrize("bad", [-1.0, torch.nan])
def test_a_map_that_is_negative_or_not_finite_is_refused(bad):
    maps = torch.ones(2, 3, 4, 5)
    maps[1, 0, 0, 0] = bad
    with pytest.raises(ValueError, match="fixed: a heat map has negative or non-finite"):
        explain(Fixed(maps), X, CLASSES)
