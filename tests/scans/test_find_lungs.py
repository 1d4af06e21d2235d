import numpy as np
import pytest
from toy_chest import LUNG_RADII, LUNGS, chest

from scripts.scans import RefusedScan, Scan, find_lungs
from scripts.transforms import LungRegion, WholeScanRegion

EXTREMES = np.array([[-125, -80, -110], [125, 85, 110]])  # mm that the toy's lungs reach along R, A, S


def find(spacing=(3.1, 2.6, 4.0), **options):
    return find_lungs(Scan.from_array(*chest(spacing, **options)))


def world(lungs, points):
    return points * np.diag(lungs.coarse.affine)[:3] + lungs.coarse.affine[:3, 3]


def voxel(lungs, point):
    index = (np.array(point) - lungs.coarse.affine[:3, 3]) / np.diag(lungs.coarse.affine)[:3]
    return tuple(np.round(index).astype(int))


def _voxels(scan, *points):
    return ((np.array(points) - scan.affine[:3, 3]) / np.diag(scan.affine)[:3]).T


@pytest.mark.parametrize("spacing", [(3.1, 2.6, 4.0), (1.9, 2.3, 5.0), (4.2, 4.2, 8.0), (2.2, 1.7, 2.5)])
def test_the_hull_reaches_as_far_as_the_lungs(spacing):
    lungs = find(spacing)
    faces = world(lungs, np.stack([lungs.hull.low, lungs.hull.high]))
    assert np.abs(faces - EXTREMES).max() < 0.4 * max(3.5, *spacing)
    assert lungs.flags == ()


def test_the_mask_is_the_lungs():
    lungs = find()
    index = np.argwhere(np.ones_like(lungs.mask))
    points = world(lungs, index)
    inside = [(((points - c) / LUNG_RADII) ** 2).sum(1) < 1 for c in LUNGS.values()]
    dark = lungs.coarse.voxels.ravel() < -320  # without the heart, vessels and spine that overlap them
    truth = (inside[0] | inside[1]) & dark
    dice = 2 * (truth & lungs.mask.ravel()).sum() / (truth.sum() + lungs.mask.sum())
    assert dice > 0.96


@pytest.mark.parametrize(
    "place", [(0, -30, 130), (0, -122, 0), (172, 0, 0)], ids=["trachea", "cushion", "room"]
)
def test_other_air_is_no_lung(place):
    lungs = find()
    assert lungs.coarse.voxels[voxel(lungs, place)] < -800
    assert not lungs.mask[voxel(lungs, place)]


def test_airways_that_join_the_lungs_to_the_room_are_no_lung():
    array, affine = chest()
    scan = Scan.from_array(array, affine)
    i, j, k = (
        slice(*np.sort(np.round(ends).astype(int))) for ends in _voxels(scan, (-80, -38, 42), (80, -22, 58))
    )
    array[i, j, k] = -950  # main bronchi, from lung to lung past the trachea
    i, j, k = (
        slice(*np.sort(np.round(ends).astype(int))) for ends in _voxels(scan, (-8, -30, 138), (8, 200, 146))
    )
    array[i, j, k] = -1000  # an open mouth
    lungs = find_lungs(scan)
    assert lungs.mask[voxel(lungs, (90, 0, 0))]
    assert not lungs.mask[voxel(lungs, (0, -30, 130))]
    faces = world(lungs, np.stack([lungs.hull.low, lungs.hull.high]))
    assert np.abs(faces - EXTREMES).max() < 2


def test_a_bubble_in_the_stomach_is_no_lung():
    size, centre = (360, 270, 360), (0, 0, -30)
    without, with_bubble = (find(size=size, centre=centre, bubble=bubble) for bubble in (False, True))
    assert with_bubble.coarse.voxels[voxel(with_bubble, (-60, 30, -155))] < -900
    np.testing.assert_allclose(with_bubble.hull.low, without.hull.low, atol=0.3)


def test_touching_lungs_are_both_found():
    array, affine = chest()
    scan = Scan.from_array(array, affine)
    middle = array.shape[0] // 2
    array[middle - 14 : middle + 14, 70:80, 35:50] = -850  # a wide bridge of air before the heart
    lungs = find_lungs(scan)
    assert lungs.mask[voxel(lungs, (90, 0, 0))]
    assert lungs.mask[voxel(lungs, (-90, 0, 0))]
    assert lungs.flags == ()


def test_lungs_of_a_chest_deeper_than_wide_are_still_two():
    array, affine = chest()
    deeper = np.diag([1.0, 1.7, 1.0, 1.0])
    lungs = find_lungs(Scan.from_array(array, deeper @ affine))
    faces = world(lungs, np.stack([lungs.hull.low, lungs.hull.high]))
    assert np.ptp(faces[:, 1]) > np.ptp(faces[:, 0])
    assert np.abs(faces - EXTREMES * np.diag(deeper)[:3]).max() < 3
    assert lungs.flags == ()


def test_the_hull_bridges_consolidation_at_the_wall():
    place = (105, 0, 0)
    lungs = find(consolidated=[(place, 28)])
    assert not lungs.mask[voxel(lungs, place)]
    assert lungs.hull.mask(lungs.mask.shape)[voxel(lungs, place)]
    faces = world(lungs, np.stack([lungs.hull.low, lungs.hull.high]))
    assert np.abs(faces - EXTREMES)[:, 1:].max() < 2


def test_a_lung_without_air_is_mirrored_from_the_other():
    lungs = find(consolidated=[((-70, 5, z), 84) for z in (-80, -30, 20, 70)])
    faces = world(lungs, np.stack([lungs.hull.low, lungs.hull.high]))
    assert lungs.flags == ("one_lung",)
    assert np.abs(faces - EXTREMES)[:, 0].max() < 12


def test_the_hulls_mask_is_where_all_facets_are_met():
    lungs = find((6.0, 7.0, 8.0))
    shape = lungs.mask.shape
    points = np.argwhere(np.ones(shape))
    met = (points @ lungs.hull.equations[:, :3].T + lungs.hull.equations[:, 3] <= 1e-9).all(1)
    np.testing.assert_array_equal(lungs.hull.mask(shape), met.reshape(shape))


def test_lungs_that_end_with_the_scan_are_flagged():
    size, centre = (360, 270, 280), (0, 0, 40)  # from -100 to 180 mm
    assert find(size=size, centre=centre).flags == ("lungs_cut_at_bottom",)
    assert find(size=size, centre=(0, 0, -40)).flags == ("lungs_cut_at_top",)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"lungs": False}, "no_lungs"),
        ({"size": (360, 270, 120), "centre": (0, 0, -75)}, "partial_thorax"),  # an abdomen up to the bases
        ({"size": (170, 270, 300), "centre": (95, 0, 0)}, "partial_thorax"),  # the right half
        ({"size": (150, 130, 140)}, "partial_thorax"),  # a crop around the heart
    ],
    ids=["no lungs", "ends amid lungs", "one half", "crop"],
)
@pytest.mark.parametrize("region", [LungRegion(), WholeScanRegion()])
def test_what_is_not_a_whole_chest_is_refused(options, code, region):
    with pytest.raises(RefusedScan, match=r"toy: .*expected a") as caught:
        region(Scan.from_array(*chest(**options), "toy"))
    assert caught.value.code == code
