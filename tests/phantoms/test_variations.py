"""Every variation shows where it should, spares the true lungs, and comes as often as it is said to."""

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from scripts.phantoms import Population, draw_phantom
from scripts.phantoms.variations import Variations, draw_variation

SHAPE = (80, 72, 60)
QUIET = {
    "noise_soft": (0.1, 0.2),
    "sharp": 0.0,
    "circular": 0.0,
    "cropped": 0.0,
    "contrast": 0.0,
    "dependent": 0.0,
    "field": (480.0, 480.0),
}


@cache
def phantom(*names, seed=4, **sizes):
    variations = Variations(**sizes).never().always(*names)
    return draw_phantom(
        seed, 0, SHAPE, orientation="RAS", population=Population(variations=variations, **QUIET)
    )


def litres(one, lobes):
    return np.isin(one.lobes, lobes).sum() * np.linalg.det(one.affine[:3, :3]) / 1e6


@pytest.mark.parametrize(
    ("name", "right"), [("stomach_gas", False), ("colon_gas", False), ("interposed_colon", True)]
)
def test_gas_lies_under_the_diaphragm_with_a_thin_wall_between(name, right):
    sizes = {"wall": (4.0, 4.0), "stomach_gas": (150, 150), "colon_radius": (24, 24)}
    one, without = phantom(name, **sizes), phantom(**sizes)
    gas = (one.hounsfield < -700) & (without.hounsfield > -200)
    across = np.argwhere(gas)[:, 0]
    middle = np.argwhere(one.lobes > 0)[:, 0].mean()
    assert gas.sum() * np.linalg.det(one.affine[:3, :3]) > 8000  # mm3
    assert (np.median(across) > middle) == right
    distance = ndimage.distance_transform_edt(one.lobes == 0, np.diag(one.affine)[:3])[gas]
    assert 3 < distance.min() < 4 + 2 * np.diag(one.affine)[:3].max()
    assert one.variation.touches_diaphragm and not without.variation.touches_diaphragm


def test_gas_is_as_dense_as_was_drawn():
    one, without = (
        phantom(*names, gas_density=(-910, -910), stomach_gas=(200, 200)) for names in (("stomach_gas",), ())
    )
    gas = (one.hounsfield < -880) & (without.hounsfield > -200)
    assert np.median(one.hounsfield[gas]) == pytest.approx(-910, abs=15)


def test_a_hernia_is_gas_between_the_lungs_above_the_diaphragm():
    one, without = (phantom(*names, hernia_radius=(34, 34), wall=(3, 3)) for names in (("hernia",), ()))
    gas = (one.hounsfield < -700) & (one.lobes == 0) & (without.hounsfield > -200) & (without.lobes == 0)
    across, _, up = np.argwhere(gas).T
    lungs = np.argwhere(one.lobes > 0)
    assert abs(np.median(across) - lungs[:, 0].mean()) < 0.1 * SHAPE[0]
    assert np.median(up) > lungs[:, 2].min()
    assert gas.sum() * np.linalg.det(one.affine[:3, :3]) > 4000  # mm3


def test_fluid_sinks_behind_the_lung_it_shortens():
    one, without = phantom("effusion", both_sides=0, effusion=(55, 60)), phantom()
    lost = [litres(without, lobes) - litres(one, lobes) for lobes in ((1, 2), (3, 4, 5))]
    assert min(lost) == 0 and max(lost) > 0.1
    fluid = (without.lobes > 0) & (one.lobes == 0)
    assert -20 < np.median(one.hounsfield[fluid]) < 60
    assert np.argwhere(fluid)[:, 1].mean() < np.argwhere(without.lobes > 0)[:, 1].mean()


def test_free_air_rises_before_the_lung_and_is_no_lung():
    one, without = phantom("pneumothorax", pneumothorax=(40, 40)), phantom()
    free = (without.lobes > 0) & (one.lobes == 0)
    assert np.median(one.hounsfield[free]) < -900
    assert np.argwhere(free)[:, 1].mean() > np.argwhere(without.lobes > 0)[:, 1].mean()


def test_a_missing_lung_has_no_lobes_and_leaves_the_other_as_it_was():
    one, without = phantom("missing_lung"), phantom()
    sides = [litres(one, lobes) / litres(without, lobes) for lobes in ((1, 2), (3, 4, 5))]
    assert sorted(sides) == pytest.approx([0, 1], abs=0.05)


@pytest.mark.parametrize("name", ["emphysema", "bullae"])
def test_lungs_hold_more_air(name):
    one, without = phantom(name, emphysema=(0.4, 0.4), bulla_radius=(35, 35)), phantom()
    np.testing.assert_array_equal(one.lobes, without.lobes)
    darker = (one.hounsfield < -935) & (one.lobes > 0)
    assert darker.sum() > 1.5 * ((without.hounsfield < -935) & (one.lobes > 0)).sum() + 100


def test_widened_bronchi_hold_air_in_one_lobe():
    one, without = phantom("bronchiectasis", bronchiectasis=(3, 3)), phantom()
    darker = one.hounsfield < without.hounsfield.astype(int) - 40
    lobes = np.bincount(one.lobes[darker], minlength=6)
    assert lobes.argmax() == one.variation.bronchiectasis[0]
    assert lobes.max() > 0.6 * lobes.sum() > 20


def test_arms_that_are_down_lie_beside_the_chest():
    one, without = phantom("arms_down"), phantom()
    width, usual = ((each.hounsfield[:, SHAPE[1] // 2 :, 5] > -300).any(1).sum() for each in (one, without))
    assert width > usual + 4


def test_a_tilted_table_sinks_from_slice_to_slice():
    def top(one, up):
        behind = one.hounsfield[SHAPE[0] // 2, :, up] > -400
        return np.flatnonzero(behind)[0] if behind.any() else 0

    one = phantom("tilted_table", table_tilt=(10, 10), table_roll=(0, 0))
    assert abs(top(one, 2) - top(one, -3)) * one.affine[1, 1] > 15


def test_breathing_moves_the_diaphragm_and_what_it_moves_stays_known():
    one, without = phantom("motion", motion=(14, 14), motion_period=(25, 25)), phantom()
    assert 0.002 < ((one.lobes > 0) != (without.lobes > 0)).mean() < 0.05
    assert np.median(one.hounsfield[one.lobes > 0]) == pytest.approx(
        np.median(without.hounsfield[without.lobes > 0]), abs=15
    )


def test_the_field_ends_lower_or_within_the_bases():
    usual, lower, cut = (
        phantom(),
        phantom("abdomen", abdomen=(70, 70)),
        phantom("cut_base", cut_base=(70, 70)),
    )
    height = [SHAPE[2] * one.affine[2, 2] for one in (lower, usual, cut)]
    assert height[0] > height[1] + 30 and height[1] > height[2] + 30
    area = [(one.lobes[:, :, 0] > 0).sum() * one.affine[0, 0] * one.affine[1, 1] for one in (lower, cut)]
    assert area[0] == 0 and area[1] > 2000  # mm2


def test_variations_come_as_often_as_their_rates_say():
    """The 99.9 % interval of a binomial of 3000."""
    ranges = Variations()
    drawn = [
        draw_variation(np.random.default_rng([k, 0]), np.random.default_rng([k, 1]), ranges)
        for k in range(3000)
    ]
    shares = {
        "stomach_gas": [one.stomach_gas > 0 for one in drawn],
        "colon_gas": [one.colon > 0 for one in drawn],
        "interposed_colon": [one.interposed_colon > 0 for one in drawn],
        "hernia": [one.hernia > 0 for one in drawn],
        "oesophageal_air": [one.oesophageal_air > 0 for one in drawn],
        "emphysema": [one.emphysema > 0 for one in drawn],
        "bullae": [bool(one.bullae) for one in drawn],
        "bronchiectasis": [one.bronchiectasis is not None for one in drawn],
        "effusion": [max(one.effusion) > 0 for one in drawn],
        "pneumothorax": [one.pneumothorax is not None for one in drawn],
        "missing_lung": [one.missing_lung != 0 for one in drawn],
        "arms_down": [one.arms_down for one in drawn],
        "tilted_table": [one.table_tilt != (0, 0) for one in drawn],
        "motion": [one.motion is not None for one in drawn],
    }
    for name, found in shares.items():
        rate = getattr(ranges, f"{name}_rate")
        assert abs(np.mean(found) - rate) < 3.3 * np.sqrt(rate * (1 - rate) / 3000), name
    assert np.mean([one.touches_diaphragm for one in drawn]) > 150 / 500


def test_what_is_chronic_is_there_at_the_next_visit_and_gas_is_not():
    ranges = Variations().never().always("hernia", "emphysema", "stomach_gas")
    first, second = (
        draw_variation(np.random.default_rng(1), np.random.default_rng([1, visit]), ranges)
        for visit in (1, 2)
    )
    assert (first.hernia, first.emphysema) == (second.hernia, second.emphysema)
    assert first.stomach_gas != second.stomach_gas
