import numpy as np
import pytest

from scripts.scans import Declaration, RefusedScan
from scripts.scans.declaration import axes_affine

WINDOWED = {"intensity": "windowed", "window": [-600, 1500]}


def test_an_item_that_declares_nothing_is_in_hounsfield_units():
    declared = Declaration.of({"image": "a.nii", "label": 2, "window": None, "slices": []})
    assert declared == Declaration()
    assert declared.intensity == "HU"


def test_what_is_declared_is_kept_in_numbers():
    declared = Declaration.of({**WINDOWED, "grey_range": [0, 4095], "series": 3, "orientation": "lpi"})
    assert declared.window == (-600.0, 1500.0)
    assert (declared.series, declared.orientation) == ("3", "LPI")
    assert declared.intensity == "windowed -600 1500 0 4095"


@pytest.mark.parametrize(
    "item",
    [
        {"intensity": "grey"},
        {"intensity": "windowed"},
        {"window": [-600, 1500]},
        {"grey_range": [0, 255]},
        {**WINDOWED, "window": [-600, 0]},
        {**WINDOWED, "window": "wide"},
        {**WINDOWED, "grey_range": [255, 0]},
        {"spacing": [1, 1]},
        {"spacing": [1, 1, -1]},
        {"spacing": [1, 1, float("nan")]},
        {"orientation": "LR"},
        {"orientation": "LRS"},
        {"slices": "1.png"},
        {"slices": ["1.png", "1.png"]},
    ],
)
def test_a_wrong_declaration_is_refused_by_the_field_it_is_in(item):
    with pytest.raises(RefusedScan, match="expected") as caught:
        Declaration.of(item, "toy")
    assert caught.value.code == "bad_declaration"


def test_a_declared_spacing_stretches_and_keeps_the_axes():
    affine = axes_affine("LPS", (0.7, 0.8, 5.0), (9, 10, 11))
    stretched = Declaration(spacing=(1.4, 1.6, 2.5)).affine((9, 10, 11), affine)
    np.testing.assert_allclose(stretched[:3, :3], np.diag([-1.4, -1.6, 2.5]))


def test_a_declared_orientation_turns_a_volume_around_its_centre():
    shape, affine = (9, 10, 11), axes_affine("LPS", (0.7, 0.8, 5.0), (9, 10, 11))
    turned = Declaration(orientation="LPI").affine(shape, affine)
    centre = [*((np.array(shape) - 1) / 2), 1]
    np.testing.assert_allclose(turned[:3, 2], -affine[:3, 2])
    np.testing.assert_allclose(turned @ centre, affine @ centre, atol=1e-9)
