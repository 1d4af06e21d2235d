import numpy as np
import pytest
from toy_chest import chest

from scripts.scans import Scan, find_lungs


def carved(bronchi, bowel):
    """A long toy chest with main bronchi between two heights across, and mottled air in the abdomen."""
    array, affine = chest(size=(360, 270, 480), centre=(0, 0, -60))
    scan = Scan.from_array(array, affine)

    def place(low, high):
        ends = (np.array([low, high]) - scan.affine[:3, 3]) / np.diag(scan.affine)[:3]
        return tuple(slice(*np.sort(np.round(pair).astype(int))) for pair in ends.T)

    array[place((bronchi[0], -38, 42), (bronchi[1], -22, 58))] = -950
    if bowel:
        part = place((-40, 0, -270), (40, 60, -200))
        array[part] = np.random.default_rng(0).normal(-890, 150, array[part].shape).clip(-1000, -600)
    return find_lungs(scan)


@pytest.mark.parametrize("bronchi", [(-80, 80), (0, 80)], ids=["both", "left bronchus shut"])
def test_what_the_trachea_does_not_reach_and_lies_below_is_no_lung(bronchi):
    with_bowel, without = (carved(bronchi, bowel) for bowel in (True, False))
    assert with_bowel.flags == without.flags == ()
    np.testing.assert_allclose(with_bowel.hull.low, without.hull.low, atol=0.3)
    np.testing.assert_allclose(with_bowel.hull.high, without.hull.high, atol=0.3)
