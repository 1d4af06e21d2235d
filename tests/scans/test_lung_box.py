"""The box is that of the true lungs, whatever lies beside them."""

from dataclasses import replace

import numpy as np
import pytest
from true_lungs import compared, flag_is_right

from scripts.phantoms import POPULATIONS, Population, draw_phantom
from scripts.phantoms.variations import Variations

MOST = 10.0  # mm, of any face
COUNT = 500
HARDEST = {
    "stomach": (("stomach_gas",), {"stomach_gas": (180, 180), "wall": (3, 3)}),
    "light gas": (("stomach_gas",), {"stomach_gas": (150, 150), "gas_density": (-905, -900)}),
    "colon": (("colon_gas", "abdomen"), {"colon_radius": (26, 26), "wall": (3, 3)}),
    "interposed colon": (("interposed_colon",), {"colon_radius": (22, 22), "wall": (3.5, 3.5)}),
    "stomach, breathing": (("stomach_gas", "motion"), {"motion": (12, 12), "wall": (4, 4)}),
    "hernia": (("hernia", "oesophageal_air"), {"hernia_radius": (36, 36), "oesophageal_air": (8, 8)}),
    "emphysema": (("emphysema", "bullae"), {"emphysema": (0.4, 0.4), "bulla_radius": (35, 35)}),
    "effusion": (("effusion", "stomach_gas"), {"effusion": (50, 50)}),
    "arms": (("arms_down", "tilted_table"), {"table_tilt": (10, 10)}),
    "missing lung": (("missing_lung",), {}),
}


@pytest.mark.parametrize("number", range(len(HARDEST)), ids=HARDEST)
def test_the_box_holds_the_lungs_and_nothing_else(number):
    names, sizes = list(HARDEST.values())[number]
    variations = Variations(**sizes).never().always(*names)
    phantom = draw_phantom((7, number), 0, population=Population(variations=variations))
    error, flags, area = compared(phantom)
    assert np.abs(error).max() < MOST, error.round(1)
    assert flag_is_right(flags, area)
    assert ("one_lung" in flags) == (phantom.variation.missing_lung != 0)


def test_bases_that_the_field_cuts_are_flagged():
    variations = replace(Variations(cut_base=(60, 60)).never(), stomach_gas_rate=1.0, cut_base_rate=1.0)
    error, flags, area = compared(draw_phantom(3, 0, population=Population(variations=variations)))
    assert area > 2000
    assert flags == ("lungs_cut_at_bottom",)
    assert np.abs(error).max() < MOST


@pytest.mark.parametrize(
    ("population", "number"),
    [("shifted", 404), ("shifted", 413), ("shifted", 305), ("fissures", 22)],
    ids=[
        "a mottled base",
        "a part behind consolidation",
        "a side that the field of view cuts",
        "a thin edge",
    ],
)
def test_parts_of_a_diseased_lung_are_in_the_box(population, number):
    phantom = draw_phantom((14, number), number // 3 % 3, population=POPULATIONS[population])
    error, _, _ = compared(phantom)
    assert np.abs(error).max() < MOST, error.round(1)


@pytest.mark.slow
def test_boxes_of_all_populations_are_right(capsys):
    """Of 500 phantoms, a third of each population, with the anatomy and gas that people have."""
    boxes, flags = np.zeros((3, COUNT), bool), []
    for number in range(COUNT):
        kind, population = number % 3, list(POPULATIONS.values())[number % 3]
        error, found, area = compared(draw_phantom((14, number), number // 3 % 3, population=population))
        boxes[kind, number] = np.abs(error).max() <= MOST
        flags.append(flag_is_right(found, area))
    shares = {name: boxes[kind, kind::3].mean() for kind, name in enumerate(POPULATIONS)}
    with capsys.disabled():
        print(
            f"\nbox within {MOST:g} mm: {boxes.sum()} of {COUNT}",
            *(f"{k} {v:.1%}" for k, v in shares.items()),
        )
        print(f"lungs_cut_at_bottom right: {sum(flags)} of {COUNT}")
    assert boxes.sum() >= 0.99 * COUNT
    assert shares["adults"] >= 0.99 and shares["fissures"] >= 0.99 and shares["shifted"] >= 0.98
    assert all(flags)
