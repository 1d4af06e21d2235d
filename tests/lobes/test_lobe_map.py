from dataclasses import replace

import nibabel
import numpy as np
import pytest
from toy_chest import orientations, reoriented
from toy_lobes import SHAPE, SPACING, affine, labels

from scripts.errors import UserError
from scripts.lobes import LobeMap, read_lobes
from scripts.scans import Scan


@pytest.fixture
def lobes():
    return LobeMap(labels(affine(), SHAPE), affine())


@pytest.fixture
def scan():
    return Scan(np.zeros(SHAPE, np.int16), affine(), "scan.nii.gz")


def test_volumes_count_voxels_in_ml(lobes):
    middle = lobes.volumes()["right middle"]
    assert middle == pytest.approx((lobes.labels == 4).sum() * np.prod(SPACING) / 1000)
    assert sum(lobes.volumes().values()) == pytest.approx((97 + 98) * 140 * 210 / 1000, rel=0.1)


def test_the_box_ends_at_the_outer_faces_of_the_outermost_lobes(lobes):
    low, high = lobes.faces()
    r, a, s = np.nonzero(lobes.labels)
    np.testing.assert_array_equal(low, [r.min() - 0.5, a.min() - 0.5, s.min() - 0.5])
    np.testing.assert_array_equal(high, [r.max() + 0.5, a.max() + 0.5, s.max() + 0.5])


def test_true_lobes_have_no_flag(lobes):
    assert lobes.flags() == ()


def changed(change):
    return LobeMap(change(labels(affine(), SHAPE)), affine())


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (lambda x: np.where(x == 4, 0, x), "missing_lobe_right_middle"),
        (lambda x: x[::-1], "left_right_swapped"),
        (lambda x: np.array([0, 3, 5, 1, 4, 2])[x], "left_right_swapped"),
        (lambda x: x[:, :, ::-1], "upside_down"),
        (lambda x: np.array([0, 1, 2, 4, 3, 5])[x], "upside_down"),
        (lambda x: x[:, ::-1], "back_to_front"),
        (lambda x: np.where(x == 3, 4, x), "missing_lobe_right_upper"),
    ],
)
def test_what_cannot_be_is_flagged_by_name(change, flag):
    assert flag in changed(change).flags()


def with_middle_share(share):
    """Lobes in the published mean proportions, but for the right middle one at the cost of the lower."""
    shares = np.array([0.231, 0.232, 0.179, share, 0.358 - share])
    truth = labels(affine(), SHAPE)
    for lung in ((1, 2), (3, 4, 5)):
        r, a, s = np.nonzero(np.isin(truth, lung))
        order = np.argsort(-a - 2.0 * s, kind="stable")  # from upper and front to lower and back
        parts = shares[np.array(lung) - 1]
        cuts = np.round(len(r) * np.cumsum(parts)[:-1] / parts.sum()).astype(int)
        for label, voxels in zip(lung, np.split(order, cuts), strict=True):
            truth[r[voxels], a[voxels], s[voxels]] = label
    return LobeMap(truth, affine())


@pytest.mark.parametrize(
    ("share", "flag"), [(0.02, True), (0.04, False), (0.093, False), (0.145, False), (0.18, True)]
)
def test_a_right_middle_lobe_beyond_four_deviations_of_volunteers_is_flagged(share, flag):
    assert with_middle_share(share).flags() == ("share_out_of_range_right_middle",) * flag


@pytest.mark.parametrize("factor", [0.4, 2.2])
def test_a_total_volume_that_no_adult_has_is_flagged(lobes, factor):
    scale = np.diag([factor, factor, factor, 1.0])
    assert replace(lobes, affine=scale @ lobes.affine).flags() == ("lung_volume_out_of_range",)


def test_no_lobes_at_all_are_five_missing_ones():
    flags = LobeMap(np.zeros(SHAPE, np.uint8), affine()).flags()
    assert sum(flag.startswith("missing_lobe") for flag in flags) == 5
    assert "lung_volume_out_of_range" in flags


@pytest.mark.parametrize("orientation", orientations()[::9])
def test_a_mask_is_read_in_any_orientation(orientation, scan, tmp_path):
    truth = labels(affine(), SHAPE)
    nibabel.save(nibabel.Nifti1Image(*reoriented(truth, affine(), orientation)), tmp_path / "mask.nii.gz")
    read = read_lobes(tmp_path / "mask.nii.gz", scan)
    np.testing.assert_array_equal(read.labels, truth)
    np.testing.assert_allclose(read.affine, affine(), atol=1e-4)


@pytest.mark.parametrize("other", ["shape", "place"])
def test_a_mask_of_another_scan_is_refused(other, scan, tmp_path):
    mask, matrix = labels(affine(), SHAPE), affine()
    if other == "shape":
        mask = mask[:, :-1]
    else:
        matrix[2, 3] += 9
    nibabel.save(nibabel.Nifti1Image(mask, matrix), tmp_path / "mask.nii.gz")
    with pytest.raises(UserError, match=r"mask.nii.gz: not the lobe mask of scan.nii.gz: shape \(44"):
        read_lobes(tmp_path / "mask.nii.gz", scan)
