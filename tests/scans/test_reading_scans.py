import gzip
import itertools

import nibabel
import numpy as np
import pytest
from scan_writers import write_itk, write_nifti, write_series, write_zip
from toy_chest import chest, orientations, reoriented

from scripts.scans import RefusedScan, Scan, ScanReader
from scripts.transforms import WholeScanRegion, preprocessing

SHAPE = (24, 20, 16)


@pytest.fixture(scope="module")
def load():
    return preprocessing(WholeScanRegion(), (8, 9, 10)).transforms[0]  # LoadImaged, built without its noise


@pytest.fixture(scope="module")
def toy():
    array = np.random.default_rng(0).integers(-1024, 2000, SHAPE).astype(np.int16)
    affine = np.diag([-0.8, -0.9, 2.5, 1.0])  # LPS+, as CT usually is
    affine[:3, 3] = (100, 120, -300)
    return array, affine


def refusal_of(path):
    with pytest.raises(RefusedScan, match=str(path)) as caught:
        ScanReader().get_data(path)
    return caught.value


AXIAL = [orientation for orientation in orientations() if orientation[2, 0] == 2]
CASES = [
    *itertools.product(("a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.mhd"), orientations()[3:48:22]),
    *itertools.product(("series", "series.zip"), AXIAL[1::7]),
]


@pytest.mark.parametrize(("name", "orientation"), CASES)
def test_every_format_gives_the_same_voxels_in_the_same_place(tmp_path, load, toy, name, orientation):
    array, affine = reoriented(*toy, orientation)
    path = tmp_path / name
    if name == "series":
        write_series(path, array, affine)
    elif name == "series.zip":
        write_zip(path, write_series(tmp_path / "series", array, affine))
    elif "nii" in name:
        write_nifti(path, array, affine)
    else:
        write_itk(path, array, affine)
    image = load({"image": str(path)})["image"]
    scan = Scan.from_array(image[0].numpy(), image.affine.numpy())
    expected = Scan.from_array(*toy)
    np.testing.assert_array_equal(scan.voxels, expected.voxels)
    np.testing.assert_allclose(scan.affine, expected.affine, atol=1e-4)
    assert scan.voxels.dtype == np.int16


def test_loading_keeps_nibabels_memory_order(tmp_path, load, toy):
    image = load({"image": str(write_nifti(tmp_path / "a.nii.gz", *toy))})["image"]
    assert image.stride()[1:] == (1, SHAPE[0], SHAPE[0] * SHAPE[1])  # a copy would have made it C order


def test_slope_and_intercept_are_applied(tmp_path, toy):
    array, affine = toy
    path = tmp_path / "a.nii"
    image = nibabel.Nifti1Image((array + 1024).astype(np.int16), affine)
    image.header.set_slope_inter(0.5, -1024)
    nibabel.save(image, path)
    raw = np.asarray(nibabel.load(path).dataobj)
    voxels, _ = ScanReader().get_data(path)
    np.testing.assert_allclose(voxels.numpy(), raw, atol=0.01)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.float32, np.float64])
def test_any_number_type_is_read(tmp_path, dtype):
    array = np.arange(24 * 20 * 16).reshape(SHAPE).astype(dtype)
    voxels, _ = ScanReader().get_data(write_nifti(tmp_path / "a.nii", array, np.eye(4)))
    np.testing.assert_array_equal(voxels.numpy(), array)


def test_a_volume_with_a_fourth_axis_of_one_is_read(tmp_path, toy):
    voxels, _ = ScanReader().get_data(write_nifti(tmp_path / "a.nii", toy[0][..., None], toy[1]))
    assert tuple(voxels.shape) == SHAPE


def test_loadimage_does_not_try_other_readers_after_a_refusal(tmp_path, load, toy):
    folder = write_series(tmp_path / "s", *toy, keep=[0, 1, 2, 3, 9, 10, 11])
    with pytest.raises(RefusedScan, match="5 slices are missing"):
        load({"image": str(folder)})


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "mha"])
def test_a_damaged_file_is_unreadable(tmp_path, toy, ending):
    path = tmp_path / f"a.{ending}"
    (write_nifti if "nii" in ending else write_itk)(path, *toy)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refusal = refusal_of(path)
    assert refusal.code == "unreadable"
    assert "a." in str(refusal)


def test_each_wrong_file_is_refused_by_its_reason(tmp_path, toy):
    array, affine = toy
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no scan")
    assert refusal_of(tmp_path / "none.nii").code == "not_found"
    assert refusal_of(tmp_path / "empty").code == "not_found"
    assert refusal_of(tmp_path / "notes.txt").code == "unsupported"
    assert (
        refusal_of(write_nifti(tmp_path / "4d.nii", np.stack([array] * 2, 3), affine)).code
        == "not_three_dimensional"
    )
    flat = nibabel.Nifti1Image(array, None)
    flat.header.set_sform(np.diag([1.0, 1.0, 0.0, 1.0]), code=1)
    nibabel.save(flat, tmp_path / "flat.nii")
    assert refusal_of(tmp_path / "flat.nii").code == "bad_geometry"
    colour = nibabel.Nifti1Image(np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")]), affine)
    nibabel.save(colour, tmp_path / "colour.nii")
    assert refusal_of(tmp_path / "colour.nii").code == "not_hounsfield"


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("several_patients", {"PatientID": "p2"}),
        ("several_series", {"PatientID": "p1", "SeriesInstanceUID": "1.2.9"}),
        ("several_orientations", {"PatientID": "p1", "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}),
        ("duplicate_slices", {"PatientID": "p1"}),
    ],
)
def test_a_folder_of_more_than_one_series_is_refused(tmp_path, toy, code, tags):
    folder = write_series(tmp_path / "s", *toy)
    write_series(folder, *toy, **tags)
    assert refusal_of(folder).code == code


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("not_ct", {"Modality": "MR"}),
        ("too_few_slices", {"keep": [4]}),
        ("bad_geometry", {"PixelSpacing": None}),
        ("unreadable", {"NumberOfFrames": 3}),
    ],
)
def test_a_series_of_the_wrong_kind_is_refused(tmp_path, toy, code, options):
    assert refusal_of(write_series(tmp_path / "s", *toy, **options)).code == code


def test_missing_slices_are_counted_and_placed(tmp_path, toy):
    refusal = refusal_of(write_series(tmp_path / "s", *toy, keep=[0, 1, 2, 3, 6, 7, 8, 9, 11]))
    assert refusal.code == "missing_slices"
    assert "3 slices are missing (gaps of 7.5 mm at -292.5 mm, 5 mm at -277.5 mm; usually 2.5 mm)" in str(
        refusal
    )


def test_uneven_slices_are_refused(tmp_path, toy):
    folder = write_series(tmp_path / "s", *toy, keep=range(8))
    write_series(
        folder, toy[0][:, :, 9:10], toy[1], PatientID="p1", ImagePositionPatient=[-100, -120, -279.5]
    )
    refusal = refusal_of(folder)
    assert refusal.code == "uneven_slices"


def test_several_files_for_one_scan_are_a_programming_error():
    with pytest.raises(ValueError, match="got 2"):
        ScanReader().read(["a.nii", "b.nii"])


def test_a_truncated_gzip_of_a_whole_header_is_unreadable(tmp_path):
    array, affine = chest((9, 9, 9))
    path = write_nifti(tmp_path / "a.nii", array, affine)
    whole = gzip.compress(path.read_bytes())
    (tmp_path / "b.nii.gz").write_bytes(whole[:-2000])
    assert refusal_of(tmp_path / "b.nii.gz").code == "unreadable"
