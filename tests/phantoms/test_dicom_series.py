import numpy as np
import pytest

from scripts.phantoms import draw_phantom
from scripts.phantoms.dicom_series import write_dicom_series
from scripts.scans import Scan, ScanReader

pydicom = pytest.importorskip("pydicom")


@pytest.mark.parametrize("orientation", ["LPS", "RAI"])
def test_a_phantom_s_series_is_read_as_the_phantom(orientation, tmp_path):
    phantom = draw_phantom(0, 2, shape=(40, 34, 28), orientation=orientation)
    write_dicom_series(phantom.hounsfield, phantom.affine, tmp_path)
    voxels, meta = ScanReader().get_data(tmp_path)
    read = Scan.from_array(voxels.numpy(), meta["affine"])
    expected = Scan.from_array(phantom.hounsfield, phantom.affine)
    np.testing.assert_array_equal(read.voxels, expected.voxels)
    np.testing.assert_allclose(read.affine, expected.affine, atol=1e-3)


def test_neither_names_nor_numbers_tell_where_a_slice_lies(tmp_path):
    phantom = draw_phantom(0, 0, shape=(40, 34, 28), orientation="LPS")
    write_dicom_series(phantom.hounsfield, phantom.affine, tmp_path)
    headers = [pydicom.dcmread(path) for path in sorted(tmp_path.iterdir())]
    heights = [float(header.ImagePositionPatient[2]) for header in headers]
    assert [header.InstanceNumber for header in headers] == list(range(1, 29))
    assert heights != sorted(heights) and heights != sorted(heights, reverse=True)
    assert len({header.SOPInstanceUID for header in headers}) == 28
