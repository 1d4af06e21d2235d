import numpy as np
import torch

from scripts.explanation import Anatomy, HeatMap, heat_flags

SHAPE = (40, 30, 24)
AIR, FAT, LUNG, CONSOLIDATION = -1000.0, -100.0, -850.0, 30.0


def chest():
    """Return HU of a body in air with two lungs, one of them with a consolidation that opens to its side."""
    hounsfield = torch.full(SHAPE, AIR)
    hounsfield[2:38, 3:27] = FAT
    hounsfield[6:16, 8:22, 2:22] = LUNG
    hounsfield[24:34, 8:22, 2:22] = LUNG
    hounsfield[24:28, 12:18, 8:14] = CONSOLIDATION
    return hounsfield


def heat_at(*place, scale=1.0):
    heat = torch.zeros(SHAPE)
    heat[place] = 1
    return HeatMap(heat if scale else heat * 0, scale, target=2)


def test_the_lungs_bridge_consolidation_and_leave_out_room_heart_and_wall():
    anatomy = Anatomy.of(chest())
    assert anatomy.lungs[10, 15, 12] and anatomy.lungs[30, 15, 12]
    assert anatomy.lungs[26, 15, 10]  # consolidated
    assert not anatomy.lungs[20, 15, 12]  # between them
    assert not anatomy.lungs[4, 15, 12] and not anatomy.lungs[0, 0, 0]


def test_the_body_is_all_but_the_air_around_it():
    anatomy = Anatomy.of(chest())
    assert anatomy.body[10, 15, 12] and anatomy.body[3, 4, 12] and anatomy.body[26, 15, 10]
    assert not anatomy.body[0].any() and not anatomy.body[:, -1].any()


def test_a_maximum_in_a_lung_is_not_flagged_and_one_beside_them_is():
    anatomy = Anatomy.of(chest())
    assert heat_flags(heat_at(26, 15, 10), anatomy) == ()
    for place in [(20, 15, 12), (0, 0, 0), (4, 15, 12)]:
        assert heat_flags(heat_at(*place), anatomy) == ("maximum_outside_lungs",)


def test_no_heat_is_flagged_as_such():
    assert heat_flags(heat_at(0, 0, 0, scale=0.0), Anatomy.of(chest())) == ("no_heat",)


def test_where_no_lungs_are_found_nothing_is_said_of_them():
    anatomy = Anatomy.of(torch.full(SHAPE, FAT))
    assert not anatomy.lungs.any() and anatomy.body.all()
    assert heat_flags(heat_at(0, 0, 0), anatomy) == ()
    assert np.array_equal(Anatomy.of(torch.full(SHAPE, AIR)).body, np.zeros(SHAPE, dtype=bool))
