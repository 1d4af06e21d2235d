import nibabel
import numpy as np
import pytest
from toy_chest import LUNG_RADII, chest

from scripts.experiments.baseline_predictions import measure_scans
from scripts.transforms import LungRegion, preprocessing


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    opaque = [((70, 0, 0), 25), ((-70, 5, 20), 25)]
    for name, options in {"clear": {}, "opaque": {"consolidated": opaque}}.items():
        voxels, affine = chest(**options)
        nibabel.save(nibabel.Nifti1Image(voxels, affine), folder / f"{name}.nii.gz")
    items = [{"image": str(folder / f"{name}.nii.gz"), "name": name} for name in ("clear", "opaque", "gone")]
    return measure_scans(items, preprocessing(LungRegion(), (48, 40, 36)))


def test_a_refused_scan_has_no_features(measured):
    assert set(measured) == {"clear", "opaque"}


def test_the_litres_are_those_of_the_ellipsoids_less_what_lies_in_them(measured):
    litres = 2 * 4 / 3 * np.pi * np.prod(LUNG_RADII) / 1e6
    assert 0.85 * litres < measured["clear"].lungs[0] < 1.05 * litres
    balls = 2 * 4 / 3 * np.pi * 25**3 / 1e6
    lost = measured["clear"].lungs[0] - measured["opaque"].lungs[0]
    assert lost == pytest.approx(balls, rel=0.3)


def test_opacity_is_seen(measured):
    assert measured["opaque"].lungs[1] > measured["clear"].lungs[1]


def test_the_header_is_read_along_the_patient_s_axes(measured):
    spacing = np.exp(measured["clear"].header[:3])
    np.testing.assert_allclose(spacing, (3.1, 2.6, 4.0), rtol=1e-4)
    assert measured["clear"].slice_spacing == pytest.approx(4.0, rel=1e-4)
