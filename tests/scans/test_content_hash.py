"""One scan has one hash, whatever holds it; another scan has another."""

import shutil

import nibabel
import numpy as np
import pytest
from scan_writers import write_enhanced, write_itk, write_nifti, write_series, write_zip
from toy_chest import chest, orientations, reoriented

from scripts.scans import Scan, read_checked_scan
from scripts.transforms import ScanDataset, WholeScanRegion, preprocessing

ARRAY, AFFINE = chest((9.0, 8.0, 20.0))
ARRAY = ARRAY.clip(-1024)  # as 12 bits hold them


def hash_of(path):
    return read_checked_scan(path)[0].content_hash


@pytest.fixture(scope="module")
def expected():
    return Scan.from_array(ARRAY, AFFINE).content_hash


def nifti_of_scaled_floats(folder):
    image = nibabel.Nifti1Image((ARRAY + 1024).astype(np.uint16), AFFINE)
    image.header.set_slope_inter(1, -1024)
    nibabel.save(image, folder / "scaled.nii.gz")
    return folder / "scaled.nii.gz"


def in_another_folder(folder):
    (folder / "other").mkdir()
    return shutil.move(write_nifti(folder / "a.nii", ARRAY, AFFINE), folder / "other" / "renamed.nii")


FILES = {
    "a NIfTI": lambda f: write_nifti(f / "a.nii", ARRAY, AFFINE),
    "packed": lambda f: write_nifti(f / "a.nii.gz", ARRAY, AFFINE),
    "in floating point": lambda f: write_nifti(f / "a.nii", ARRAY.astype(np.float32), AFFINE),
    "scaled by its header": nifti_of_scaled_floats,
    "renamed in another folder": in_another_folder,
    "with its axes turned": lambda f: write_nifti(
        f / "a.nii", *reoriented(ARRAY, AFFINE, orientations()[29])
    ),
    "an NRRD": lambda f: write_itk(f / "a.nrrd", ARRAY, AFFINE),
    "a DICOM series": lambda f: write_series(f / "s", ARRAY, AFFINE),
    "a zip of DICOM": lambda f: write_zip(f / "a.zip", write_series(f / "s", ARRAY, AFFINE)),
    "an enhanced CT": lambda f: write_enhanced(f / "a.dcm", ARRAY, AFFINE),
}


@pytest.mark.parametrize("name", FILES)
def test_a_scan_has_one_hash_in_any_file(tmp_path, expected, name):
    assert hash_of(FILES[name](tmp_path)) == expected


def test_every_order_of_the_axes_has_the_same_hash(expected):
    hashes = {
        Scan.from_array(*reoriented(ARRAY, AFFINE, orientation)).content_hash
        for orientation in orientations()
    }
    assert hashes == {expected}


@pytest.mark.parametrize("place", [(0, 0, 0), (3, 5, 7), (20, 11, 2), (39, 33, 14)])
def test_one_voxel_changes_the_hash(expected, place):
    changed = ARRAY.copy()
    changed[place] += 1
    assert Scan.from_array(changed, AFFINE).content_hash != expected


def test_a_mirrored_and_a_cropped_scan_are_others(expected):
    mirrored, cropped = ARRAY[::-1], ARRAY[:, :, :-1]
    assert len({expected, *(Scan.from_array(a, AFFINE).content_hash for a in (mirrored, cropped))}) == 3


def test_spacing_and_name_do_not_count(expected):
    assert Scan.from_array(ARRAY, AFFINE @ np.diag([1.01, 1, 1, 1]), "other").content_hash == expected


def test_it_travels_with_the_grid_and_its_cache(tmp_path, expected):
    items = [{"image": str(write_nifti(tmp_path / "a.nii", ARRAY, AFFINE))}, {"image": "none.nii"}]
    transform = preprocessing(WholeScanRegion(), (8, 9, 10))
    for _ in range(2):
        dataset = ScanDataset(items, transform, tmp_path / "cache", keep_refused=True)
        assert [dataset[k]["image"].meta["content_hash"] for k in range(2)] == [expected, ""]
