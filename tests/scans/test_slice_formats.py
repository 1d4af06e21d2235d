"""Folders and zips of slices: order, choice, geometry."""

import numpy as np
import pytest
from scan_writers import write_enhanced, write_pictures, write_series, write_zip
from toy_chest import chest

from scripts.scans import Declaration, RefusedScan, Scan, read_scan
from scripts.scans.formats import dicom_slices

ARRAY, AFFINE = chest((9.0, 8.0, 20.0))
ARRAY = ARRAY.clip(-1024)  # as 12 bits hold them
CLAMPED = np.clip(ARRAY, -1250, 250)
WINDOW = Declaration(window=(-500.0, 1500.0))


@pytest.fixture
def pictures(tmp_path):
    pytest.importorskip("PIL")
    return write_pictures(tmp_path / "slices", ARRAY)


def canonical(volume):
    return Scan.from_array(volume.voxels, volume.affine).voxels


def test_numbered_pictures_are_the_chest_they_were_made_of(pictures):
    volume = read_scan(pictures, WINDOW)
    assert np.abs(canonical(volume) - CLAMPED).max() <= 3  # HU: half a grey level of 1500 / 255
    assert volume.flags == ("spacing_assumed", "orientation_assumed", "windowed")


def test_a_zip_gives_the_same_as_the_folder_and_nothing_is_unpacked(pictures, tmp_path):
    path = write_zip(tmp_path / "a.zip", pictures)
    before = sorted(tmp_path.rglob("*"))
    for name in (str(path), f"{path}::CP/1/2"):
        np.testing.assert_array_equal(read_scan(name, WINDOW).voxels, read_scan(pictures, WINDOW).voxels)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_listed_slices_are_read_in_the_listed_order(pictures):
    names = [f"{k}.png" for k in (12, 9, 10, 3, 4, 5, 6, 7)]
    whole = read_scan(pictures, WINDOW).voxels
    chosen = read_scan(pictures, Declaration(window=(-500.0, 1500.0), slices=tuple(names))).voxels
    np.testing.assert_array_equal(chosen, whole[:, :, [11, 8, 9, 2, 3, 4, 5, 6]])


def test_the_assumed_geometry_is_350_mm_across_and_300_mm_high(pictures):
    spacing = np.linalg.norm(read_scan(pictures, WINDOW).affine[:3, :3], axis=0)
    np.testing.assert_allclose(spacing, [350 / 40, 350 / 40, 300 / 14])


def test_a_declared_geometry_is_taken_and_not_flagged_as_assumed(pictures):
    declared = Declaration(window=(-500.0, 1500.0), spacing=(9.0, 8.0, 20.0), orientation="LPI")
    volume = read_scan(pictures, declared)
    assert volume.flags == ("windowed",)
    np.testing.assert_allclose(np.diag(volume.affine)[:3], [-9, -8, -20])
    upside_down = read_scan(pictures, Declaration(window=(-500.0, 1500.0), orientation="LPS"))
    np.testing.assert_array_equal(canonical(upside_down)[:, :, ::-1], canonical(volume))


def test_an_enhanced_ct_is_the_series_it_holds(tmp_path):
    pytest.importorskip("SimpleITK")
    one = read_scan(write_enhanced(tmp_path / "a.dcm", ARRAY, AFFINE))
    many = read_scan(write_series(tmp_path / "s", ARRAY, AFFINE))
    np.testing.assert_array_equal(one.voxels, many.voxels)
    np.testing.assert_array_equal(canonical(many), ARRAY)
    np.testing.assert_allclose(one.affine, many.affine, atol=1e-6)


def test_slices_of_different_slopes_keep_their_hounsfield_units(tmp_path):
    pytest.importorskip("SimpleITK")
    halved = {
        "RescaleSlope": lambda k: 0.5 if k == 9 else 1,
        "RescaleIntercept": lambda k: -512 if k == 9 else -1024,
    }
    voxels = canonical(read_scan(write_series(tmp_path / "s", ARRAY, AFFINE, **halved)))
    np.testing.assert_allclose(voxels[..., 9], ARRAY[..., 9] / 2)
    np.testing.assert_array_equal(voxels[..., 8], ARRAY[..., 8])


def test_of_thin_and_thick_series_the_thin_one_is_read_and_of_two_kernels_the_named(tmp_path):
    pytest.importorskip("SimpleITK")
    folder = write_series(tmp_path / "s", ARRAY, AFFINE, SeriesNumber=2, ConvolutionKernel="B40f")
    other = {"SeriesInstanceUID": "1.2.9", "SeriesNumber": 3}
    write_series(folder, *chest((9.0, 8.0, 40.0)), **other)
    assert read_scan(folder).voxels.shape[2] == ARRAY.shape[2]
    assert read_scan(folder, Declaration(series="3")).voxels.shape[2] == 8
    write_series(folder, ARRAY, AFFINE, SeriesInstanceUID="1.2.8", SeriesNumber=4, ConvolutionKernel="B70f")
    with pytest.raises(RefusedScan, match=r"2 \(15 slices every 20 mm, kernel B40F\), 4 \(15 .*--series"):
        read_scan(folder)
    flags = [read_scan(folder, Declaration(series=name)).flags for name in ("2", "1.2.3", "4", "1.2.8")]
    assert flags == [(), (), ("sharp_kernel",), ("sharp_kernel",)]


def test_headers_are_read_without_patient_names():
    assert {tag for tag in dicom_slices.HEADER_TAGS if tag.startswith("Patient")} == {"PatientID"}
