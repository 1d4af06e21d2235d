import nibabel
import numpy as np
import pytest
import torch

from scripts.explanation import HeatMap, lobe_shares, summarise_lobes

SHAPE = (4, 3, 2)


def by_hand(heat_at, hounsfield=-850.0):
    """Right upper lobe in one voxel and a half, left lower in two; 8 mL a voxel."""
    shares = torch.zeros(5, *SHAPE)
    shares[2, 0, 0, 0], shares[2, 1, 0, 0] = 1, 0.5
    shares[1, 3, 2, :] = 1
    heat = torch.zeros(SHAPE)
    for place, value in heat_at.items():
        heat[place] = value
    return HeatMap(heat, 0.1, 2), torch.full(SHAPE, hounsfield), shares


def test_hand_worked_case():
    heat_map, hounsfield, shares = by_hand({(1, 0, 0): 1.0, (3, 2, 0): 0.5, (2, 1, 1): 0.5})
    hounsfield[1, 0, 0], hounsfield[3, 2, 1] = -600, 40
    summary = summarise_lobes(heat_map, hounsfield, shares, voxel_volume=8000.0)
    lobes = {row.pop("lobe"): row for row in summary.lobes}
    assert lobes["right upper"] == {
        "volume_ml": 12.0,
        "opacity_ml": 4.0,
        "consolidation_ml": 0.0,
        "opacity_share": 0.3333,
        "heat_share": 0.25,
    }
    assert lobes["left lower"] == {
        "volume_ml": 16.0,
        "opacity_ml": 8.0,
        "consolidation_ml": 8.0,
        "opacity_share": 0.5,
        "heat_share": 0.25,
    }
    assert lobes["right middle"]["opacity_share"] is None and lobes["right middle"]["volume_ml"] == 0
    assert summary.heat_in_lungs == 0.5 and summary.lungs_in_grid == pytest.approx(3.5 / 24)
    assert summary.hottest_lobe == "right upper" and summary.flags == ()


def test_heat_beside_the_lungs_raises_a_flag():
    summary = summarise_lobes(*by_hand({(2, 1, 1): 1.0, (0, 0, 0): 0.1}), voxel_volume=1.0)
    assert summary.flags == ("heat_outside_lungs",) and summary.hottest_lobe == "outside the lungs"


def test_a_map_of_zeros_has_no_shares_and_no_flag():
    summary = summarise_lobes(*by_hand({}), voxel_volume=1.0)
    assert summary.heat_in_lungs is None and summary.hottest_lobe == "" and summary.flags == ()
    assert all(row["heat_share"] is None for row in summary.lobes)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "SAR", "PIL"])
def test_shares_are_those_of_the_scan_in_any_orientation(axes):
    labels = np.zeros((8, 6, 10), np.uint8)
    labels[:3], labels[3:5, :2], labels[7, 5, 9] = 1, 4, 5
    to_axes = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(axes)
    )
    turned = nibabel.as_closest_canonical(nibabel.Nifti1Image(labels, np.diag([1, 2, 3, 1]))).as_reoriented(
        to_axes
    )
    low, high = (-0.5, -0.5, -0.5), (7.5, 5.5, 9.5)
    shares = lobe_shares(np.asarray(turned.dataobj), turned.affine, low, high, labels.shape)
    for label in range(1, 6):
        np.testing.assert_allclose(shares[label - 1], labels == label, atol=1e-6)
    whole = lobe_shares(np.asarray(turned.dataobj), turned.affine, low, high, (4, 3, 5)).sum() * 8
    assert float(whole) == pytest.approx(np.count_nonzero(labels), rel=0.15)
