import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from scripts.explanation import HeatMap, lobe_shares, lobes_of, summarise_lobes
from scripts.lobes import LobeMap, pack_lobes

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
def test_a_masks_shares_are_those_of_the_scan_in_any_orientation(axes, tmp_path):
    labels = np.zeros((8, 6, 10), np.uint8)
    labels[:3], labels[3:5, :2], labels[7, 5, 9] = 1, 4, 5
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    to_axes = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(axes)
    )
    turned = nibabel.Nifti1Image(labels, affine).as_reoriented(to_axes)
    nibabel.save(turned, tmp_path / "lobes.nii.gz")
    meta = {"original_shape": torch.tensor(turned.shape), "original_affine": torch.from_numpy(turned.affine)}
    grid = MetaTensor(torch.zeros(1, *labels.shape), affine=torch.from_numpy(affine), meta=meta)
    item = {"image": grid, "name": "a", "lobes": str(tmp_path / "lobes.nii.gz")}
    lobes, source = lobes_of(item)
    assert source == "lobe mask"
    shares = lobe_shares(lobes, affine, labels.shape)
    for label in range(1, 6):
        np.testing.assert_allclose(shares[label - 1], labels == label, atol=1e-6)
    coarse = np.diag([2.0, 4.0, 6.0, 1.0])
    coarse[:3, 3] = (0.5, 1.0, 1.5)
    whole = lobe_shares(lobes, coarse, (4, 3, 5)).sum() * 8
    assert float(whole) == pytest.approx(np.count_nonzero(labels), rel=0.15)


def test_the_networks_lobes_travel_with_the_grid():
    labels = np.zeros((8, 6, 10), np.uint8)
    labels[:3], labels[5:] = 3, 2
    packed = pack_lobes(LobeMap(labels, np.diag([2.0, 3.0, 4.0, 1.0])))
    grid = MetaTensor(torch.zeros(1, 4, 3, 5), meta={"lobes": packed})
    lobes, source = lobes_of({"image": grid, "name": "a"})
    assert source == "lobe network" and len(packed) < 300
    np.testing.assert_array_equal(lobes.labels, labels)
    np.testing.assert_array_equal(lobes.affine, np.diag([2.0, 3.0, 4.0, 1.0]))
    assert lobes_of({"image": MetaTensor(torch.zeros(1, 4, 3, 5), meta={"lobes": ""}), "name": "a"}) is None
