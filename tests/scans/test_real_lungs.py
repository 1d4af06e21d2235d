"""Where the lungs end in people: looked at in coronal and sagittal planes, see docs/data.md."""

import numpy as np
import pytest

from scripts.scans import RefusedScan, find_lungs, read_checked_scan

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("name", "height", "cut"),
    [
        ("covid_ct_md/derived/P002_1.8x1.8x3mm.nii.gz", 243, False),
        ("covid_ct_md/dicom_every5th/COVID-19 subjects/P002", 250, False),  # every 10 mm
        ("covid_ct_md/derived/cap002_1.8x1.8x3mm.nii.gz", 251, True),
        ("covid_ct_md/derived/normal002_1.8x1.8x3mm.nii.gz", 266, False),
        ("lidc/derived/LIDC-IDRI-0001_1.8x1.8x3mm.nii.gz", 260, False),
        ("lung_pet_ct_dx/derived/Lung_Dx-A0001_L_1.8x1.8x3mm.nii.gz", 270, False),
        ("lung_pet_ct_dx/derived/Lung_Dx-A0002_B70f_1.8x1.8x3mm.nii.gz", 232, False),
        ("rider/rider_1225316081.nii.gz", 245, False),
        ("pet_ct/hnc0015_wholebody_dec99.nii.gz", 231, False),
    ],
)
def test_the_mask_ends_where_the_lungs_end(real_scans, name, height, cut):
    scan, _ = read_checked_scan(real_scans / name)
    lungs = find_lungs(scan)
    planes = np.flatnonzero(lungs.mask.any((0, 1)))
    assert (planes[-1] - planes[0] + 1) * lungs.coarse.spacing[2] == pytest.approx(height, abs=10)
    assert ("lungs_cut_at_bottom" in lungs.flags) == cut


@pytest.mark.parametrize("name", ["acrin_flt_breast_001_a", "hnc0001_headneck_not_chest"])
def test_what_shows_only_the_lungs_tops_is_refused_for_its_lungs(real_scans, name):
    scan, _ = read_checked_scan(real_scans / f"pet_ct/{name}.nii.gz")
    with pytest.raises(RefusedScan) as caught:
        find_lungs(scan)
    assert caught.value.code == "partial_thorax"
