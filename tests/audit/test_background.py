import numpy as np
import pytest
from audited import load, mask_body, phantom_items

from scripts.audit.background import background_features, constant_share, is_masked_body
from scripts.phantoms import Population, draw_phantom
from scripts.scans import Scan

SEVERE = Population(severities=("severe",))


@pytest.mark.parametrize("seed", [3, 8])
def test_a_severe_lesion_changes_no_background_feature_by_more_than_a_hundredth(seed):
    """The same seed with another label gives the same voxels outside the lungs."""
    healthy, sick = (draw_phantom(seed, label, shape=(64, 56, 48), population=SEVERE) for label in (0, 2))
    features = [background_features(Scan.from_array(p.hounsfield, p.affine)) for p in (healthy, sick)]
    assert sick.lesion_share > 0.15
    assert features[0] == pytest.approx(features[1], rel=1e-2, abs=1e-3)


def test_a_masked_body_is_told_in_hounsfield_units_and_in_grey_levels(phantoms, tmp_path):
    for item in phantom_items(phantoms):
        path, lobes = item["image"], phantoms / item["lobes"]
        masked, affine = load(mask_body(path, lobes, tmp_path / "masked.nii.gz"))
        whole, _ = load(path)
        grey, grey_masked = (np.clip((v + 1250.0) / 1500 * 255, 0, 255).round() for v in (whole, masked))
        grey_masked[masked == -1024] = 0
        told = [is_masked_body(Scan.from_array(v, affine)) for v in (whole, masked, grey, grey_masked)]
        assert told == [False, True, False, True], path


def test_the_constant_share_is_that_of_the_commonest_value():
    voxels = np.arange(8 * 9 * 10).reshape(8, 9, 10)
    voxels[:4] = -7
    assert constant_share(Scan(voxels, np.eye(4))) == (-7.0, 0.5)


def test_a_scan_of_air_alone_has_no_wall():
    features = background_features(
        Scan(np.full((20, 18, 16), -1000, dtype=np.int16), np.diag([4, 4, 4, 1.0]))
    )
    assert features["wall_muscle_level"] is None and features["air_share"] == 1.0
