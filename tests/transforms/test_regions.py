import numpy as np
import pytest
from toy_chest import affine_of, chest, draw

from scripts.scans import RefusedScan, Scan
from scripts.transforms import BodyRegion, LungRegion, WholeScanRegion


def corners(scan, box):
    return np.stack([(scan.affine @ [*face, 1])[:3] for face in (box.low, box.high)])


def test_the_lungs_box_is_the_hulls_with_the_margin_in_millimetres():
    scan = Scan.from_array(*chest((1.9, 2.3, 5.0)))
    tight, wide = (corners(scan, LungRegion(margin)(scan)) for margin in (0.0, 12.5))
    np.testing.assert_allclose(wide - tight, [[-12.5] * 3, [12.5] * 3], atol=1e-6)
    np.testing.assert_allclose(tight, [[-125, -80, -110], [125, 85, 110]], atol=2)


def test_the_box_may_reach_beyond_the_scan():
    scan = Scan.from_array(*chest(size=(360, 270, 226)))  # 3 mm above and below the lungs
    box = LungRegion(20.0)(scan)
    assert box.low[2] < -0.5
    assert box.high[2] > scan.voxels.shape[2] - 0.5


def test_the_whole_scan_reaches_from_face_to_face():
    scan = Scan.from_array(*chest((4, 5, 6)))
    box = WholeScanRegion()(scan)
    assert box.low == (-0.5, -0.5, -0.5)
    assert box.high == tuple(n - 0.5 for n in scan.voxels.shape)


def test_the_body_reaches_to_the_last_voxel_above_air_and_no_further():
    shape, affine = affine_of((3.1, 2.6, 4.0))
    air = draw(shape, affine, noise=0.0)
    padded = np.full([n + 9 for n in shape], -1024, dtype=np.int16)
    padded[2:-7, 4:-5, 6:-3] = np.where(air <= -1000, -1000, air)  # as scanned, amid what was filled in
    above = np.argwhere(padded > -1000)
    box = BodyRegion()(Scan(padded, affine))
    assert box.low == tuple(above.min(0) - 0.5)
    assert box.high == tuple(above.max(0) + 0.5)
    whole = BodyRegion(threshold=-1001.0)(Scan(padded, affine))
    assert whole.low == (1.5, 3.5, 5.5)
    assert whole.high == tuple(low + size for low, size in zip(whole.low, shape, strict=True))


def test_the_body_of_a_scan_without_lungs_is_refused():
    with pytest.raises(RefusedScan, match="no lungs"):
        BodyRegion()(Scan.from_array(*chest(lungs=False)))
