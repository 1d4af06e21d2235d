import numpy as np
import pytest

from scripts.scans import Declaration, RefusedScan, Volume, check_window
from scripts.scans.grey import grey_to_hounsfield


def volume(*values, dtype=np.uint8):
    return Volume(np.array(values, dtype).reshape(1, 1, -1), np.eye(4))


def test_black_and_white_are_the_ends_of_the_window():
    result = grey_to_hounsfield(volume(0, 51, 255), Declaration(window=(-500, 1500)), "toy")
    assert result.voxels.ravel().tolist() == [-1250, -950, 250]
    assert (result.hounsfield, result.flags) == ((-1250, 250), ("windowed",))


def test_a_declared_grey_range_takes_the_place_of_8_bits():
    declared = Declaration(window=(0, 4000), grey_range=(100, 1100))
    result = grey_to_hounsfield(volume(100, 350, 1100, dtype=np.int16), declared, "toy")
    assert result.voxels.ravel().tolist() == [-2000, -1000, 2000]


@pytest.mark.parametrize("values", [[-50, 5], [5, 4200]])
def test_values_outside_their_range_are_refused(values):
    declared = Declaration(window=(0, 1), grey_range=(0, 4095))
    with pytest.raises(RefusedScan, match="as declared") as caught:
        grey_to_hounsfield(volume(*values, dtype=np.int16), declared, "toy")
    assert caught.value.code == "bad_declaration"


@pytest.mark.parametrize(
    ("shown", "fits"),
    [((-1250, 250), True), ((-1300, 400), True), ((-1249, 250), False), ((-1250, 249), False)],
)
def test_a_window_must_hold_all_that_the_network_looks_at(shown, fits):
    if fits:
        check_window(shown, (-500, 1500), "toy")
        check_window(None, (-500, 1500), "toy")
    else:
        with pytest.raises(RefusedScan, match="expected at least -1250 to 250 HU"):
            check_window(shown, (-500, 1500), "toy")


def test_a_little_overshoot_is_clamped():
    declared = Declaration(window=(0, 2000), grey_range=(0, 4000))
    result = grey_to_hounsfield(volume(-0.4, 4000.1, dtype=np.float32), declared, "toy")
    assert result.voxels.ravel().tolist() == [-1000, 1000]
