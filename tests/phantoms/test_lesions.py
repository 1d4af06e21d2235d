from functools import cache

import numpy as np
import pytest

from scripts.phantoms import Population, draw_phantom

SHAPE = (56, 50, 44)
SEEDS = range(40, 45)


@cache
def scans(label):
    return [draw_phantom(seed, label, SHAPE, orientation="RAS") for seed in SEEDS]


def position(scan, mask, axis):
    """Mean place of the masked voxels, 0 to 1 from one end of the lungs' box to the other."""
    lung = np.argwhere(scan.lobes > 0)[:, axis]
    return (np.argwhere(mask)[:, axis].mean() - lung.min()) / np.ptp(lung)


def test_non_pneumonia_has_no_lesion():
    assert not any(scan.lesions.any() for scan in scans(0))
    assert {scan.severity for scan in scans(0)} == {"none"}


@pytest.mark.parametrize(("label", "codes"), [(1, {0, 3}), (2, {0, 1, 2})])
def test_each_disease_has_its_own_labels(label, codes):
    assert set().union(*(np.unique(scan.lesions).tolist() for scan in scans(label))) == codes


@pytest.mark.parametrize("label", [1, 2])
def test_lesions_lie_inside_the_lungs(label):
    assert all((scan.lobes[scan.lesions > 0] > 0).all() for scan in scans(label))


@pytest.mark.parametrize("label", [1, 2])
def test_lesions_take_the_share_of_lung_that_was_drawn(label):
    share = (0.15, 0.15)
    population = Population(mild=share, moderate=share, severe=share)
    scan = draw_phantom(48, label, (90, 80, 60), population=population)
    assert scan.lesion_share == pytest.approx(0.15, rel=0.15)
    assert scan.lesion_share == pytest.approx((scan.lesions > 0).sum() / (scan.lobes > 0).sum())


@pytest.mark.parametrize("label", [1, 2])
def test_severity_names_the_share_of_lung(label):
    """Oracle: the population's range of each severity, and a margin for voxels at the lungs' edge."""
    for scan in scans(label):
        low, high = getattr(Population(), scan.severity)
        assert 0.7 * low - 0.01 < scan.lesion_share < 1.2 * high + 0.01


def test_all_severities_occur_in_both_diseases():
    tiny = (20, 18, 16)
    for label in (1, 2):
        found = {draw_phantom(seed, label, tiny).severity for seed in range(7)}
        assert found == {"mild", "moderate", "severe"}


def test_covid_is_bilateral():
    for scan in scans(2):
        left, right = ((scan.lesions > 0) & np.isin(scan.lobes, lobes) for lobes in ((1, 2), (3, 4, 5)))
        assert left.any()
        assert right.any()


@pytest.mark.parametrize("label", [1, 2])
def test_lesions_are_peripheral(label):
    """Voxels of a lesion are nearer to the lungs' surface than the lungs' voxels are on average."""
    from scipy.ndimage import distance_transform_edt

    nearness = []
    for scan in scans(label):
        depth = distance_transform_edt(scan.lobes > 0)
        nearness.append(depth[scan.lesions > 0].mean() / depth[scan.lobes > 0].mean())
    assert np.mean(nearness) < 0.95


def test_fibrosis_is_basal():
    basal = [position(scan, scan.lesions > 0, 2) - position(scan, scan.lobes > 0, 2) for scan in scans(1)]
    assert np.mean(basal) < -0.08


def test_ground_glass_and_consolidation_have_their_densities():
    """Noise and vessels average out over a lesion."""
    glass, solid = (
        np.concatenate([scan.hounsfield[scan.lesions == code] for scan in scans(2)]) for code in (1, 2)
    )
    assert -700 < np.median(glass) < -350
    assert -120 < np.median(solid) < 80


def test_honeycombs_alternate_between_air_and_walls():
    """Ground glass of the same patient, on the same scanner with the same noise, is smooth beside them."""
    share = (0.3, 0.31)
    heavy = Population(mild=share, moderate=share, severe=share)
    jumps = []
    for label, code in ((1, 3), (2, 1)):
        fine = draw_phantom(44, label, (190, 170, 30), orientation="RAS", population=heavy)
        inside = (fine.lesions[1:] == code) & (fine.lesions[:-1] == code)
        jumps.append(np.median(np.abs(np.diff(fine.hounsfield.astype(int), axis=0))[inside]))
        if label == 1:
            assert (fine.hounsfield[fine.lesions == code] < -820).mean() > 0.04
    assert jumps[0] > 2 * jumps[1]


def test_a_population_may_leave_severities_out():
    population = Population(severities=("moderate", "severe"))
    seen = {draw_phantom(seed, 2, (24, 20, 16), population=population).severity for seed in range(12)}
    assert seen == {"moderate", "severe"}
