import numpy as np
import pytest
from toy_chest import chest

from scripts.scans import Scan, geometry_flags


def flags_of(spacing=(1.5, 1.6, 2.0), shape=(240, 160, 150), change=None):
    array = np.random.default_rng(0).integers(-1000, 400, shape).astype(np.int16)
    if change:
        change(array)
    return geometry_flags(Scan(array, np.diag([*spacing, 1.0])))


def test_a_usual_chest_has_none():
    assert geometry_flags(Scan.from_array(*chest((3.1, 2.6, 4.0)))) == ()


@pytest.mark.parametrize(
    ("flag", "options"),
    [
        ("thick_slices", {"spacing": (1.5, 1.6, 5.1), "shape": (240, 160, 60)}),
        ("unusual_field_of_view", {"shape": (160, 160, 150)}),
        ("unusual_field_of_view", {"spacing": (2.4, 1.6, 2.0)}),
        ("unusual_field_of_view", {"shape": (240, 160, 301)}),
        ("repeated_slices", {"change": lambda array: array.__setitem__((..., 8), array[..., 7])}),
    ],
)
def test_each_flag_stands_for_its_oddity_alone(flag, options):
    assert flags_of(**options) == (flag,)


def test_empty_slices_at_the_ends_are_no_repeats():
    assert flags_of(change=lambda array: array.__setitem__((..., slice(0, 9)), -1024)) == ()


def test_slices_that_differ_in_one_voxel_are_no_repeats():
    def change(array):
        array[..., 8] = array[..., 7]
        array[3, 3, 8] += 1

    assert flags_of(change=change) == ()
