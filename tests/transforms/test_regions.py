import numpy as np
from toy_chest import chest

from scripts.scans import Scan
from scripts.transforms import LungRegion, WholeScanRegion


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
