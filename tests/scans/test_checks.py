import numpy as np
import pytest
from toy_chest import chest

from scripts.scans import RefusedScan, Scan
from scripts.scans.checks import check_hounsfield, check_shape


def refusal_of(array, affine):
    with pytest.raises(RefusedScan, match="toy") as caught:
        check_hounsfield(Scan.from_array(array, affine, "toy"))
    return caught.value.code


@pytest.fixture(scope="module")
def toy():
    return chest((4.0, 5.0, 8.0))


def test_a_chest_in_hounsfield_units_passes(toy):
    check_hounsfield(Scan.from_array(*toy))


@pytest.mark.parametrize(
    "pad", [((88, 88), (0, 0), (0, 0)), ((0, 0), (140, 140), (0, 0)), ((0, 0), (0, 0), (90, 0))]
)
@pytest.mark.parametrize("value", [-1000, -1024, -3024])
def test_air_and_padding_around_the_body_do_not_count(toy, pad, value):
    """350 mm and more on either side, or 720 mm on one, of room air or of what a scanner pads with."""
    check_hounsfield(Scan.from_array(np.pad(toy[0], pad, constant_values=value), toy[1]))


def test_padding_does_not_make_grey_levels_hounsfield_units(toy):
    padded = np.pad(toy[0] + 1024, ((88, 88), (70, 70), (0, 0)), constant_values=-1024)
    assert refusal_of(padded, toy[1]) == "not_hounsfield"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda v: np.zeros_like(v), "constant"),
        (lambda v: (v > -320).astype(np.int16), "mask"),
        (lambda v: (np.clip((v + 1250) / 1500, 0, 1) * 4095).astype(np.int16), "not_hounsfield"),
        (lambda v: (np.clip((v + 1250) / 1500, 0, 1) * 255).astype(np.uint8), "not_hounsfield"),
        (lambda v: v + 1024, "not_hounsfield"),
        (lambda v: v / 1000, "not_hounsfield"),
        (lambda v: v - 1024, "not_hounsfield"),
        (lambda v: np.where(np.arange(v.size).reshape(v.shape) == 777, np.nan, v), "non_finite"),
        (lambda v: np.where(np.arange(v.size).reshape(v.shape) == 777, -np.inf, v), "non_finite"),
    ],
    ids=[
        "constant",
        "mask",
        "window to 4095",
        "window to 255",
        "no intercept",
        "thousandths",
        "intercept twice",
        "nan",
        "inf",
    ],
)
def test_what_is_not_a_ct_in_hounsfield_units_is_refused_by_its_reason(toy, change, code):
    assert refusal_of(change(toy[0]), toy[1]) == code


@pytest.mark.parametrize(
    ("shape", "code"), [((64, 64), "not_three_dimensional"), ((64, 50, 7), "too_few_slices")]
)
def test_what_is_no_volume_is_refused(shape, code):
    with pytest.raises(RefusedScan, match="expected") as caught:
        check_shape(shape, "toy")
    assert caught.value.code == code


def test_the_refusal_names_found_and_expected(toy):
    with pytest.raises(RefusedScan, match=r"toy: values from .* expected HU; export it"):
        check_hounsfield(Scan(toy[0] + 1024, toy[1], "toy"))
