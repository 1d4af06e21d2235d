import nibabel
import numpy as np
from scan_writers import write_nifti

from scripts.scans import read_header


def test_sizes_run_along_the_patient_whatever_the_order_on_disk(tmp_path):
    affine = np.array([[0, 0, -0.8, 5], [0.7, 0, 0, 6], [0, 2.5, 0, 7], [0, 0, 0, 1]])
    path = write_nifti(tmp_path / "a.nii.gz", np.zeros((9, 8, 10), dtype=np.int16), affine)
    header = read_header({"image": str(path)})
    assert header["orientation"] == "ASL" and header["stored_type"] == "int16"
    assert (header["columns"], header["rows"], header["slices"]) == (10, 9, 8)
    assert (header["pixel_spacing"], header["slice_spacing"], header["field_height"]) == (0.8, 2.5, 20)


def test_formats_agree_on_the_geometry(phantoms, tmp_path):
    import SimpleITK as sitk

    path = sorted((phantoms / "images").iterdir())[0]
    sitk.WriteImage(sitk.ReadImage(str(path)), str(tmp_path / "a.mha"))
    nifti, meta_image = (read_header({"image": str(p)}) for p in (path, tmp_path / "a.mha"))
    differ = {name for name in nifti if nifti[name] != meta_image[name]}
    assert differ == {"format", "stored_type"} and len(nifti) == 11
    assert nifti["slices"] == nibabel.load(path).shape[2] or nifti["slices"] == 48


def test_slices_are_counted_and_a_choice_of_them_is_kept(grow):
    folder = grow("1.png", "2.png", "10.png")
    assert read_header({"image": str(folder)}) == {"format": "png", "slices": 3}
    assert read_header({"image": str(folder), "slices": ["1.png", "2.png"]})["slices"] == 2


def test_what_cannot_be_read_has_no_header(grow):
    root = grow("a.nii.gz", "b.mha")
    assert all(read_header({"image": str(root / n)}) == {} for n in ("a.nii.gz", "b.mha", "gone.nii.gz"))


def test_a_dicom_series_names_its_scanner_and_no_patient(real_scans):
    folder = next(p for p in (real_scans / "covid_ct_md").rglob("*") if p.is_dir() and any(p.glob("*.dcm")))
    header = read_header({"image": str(folder)})
    assert header["format"] == "dicom" and "kernel" in header and header["columns"] == 512
    assert not {"PatientID", "PatientName", "patient"} & header.keys()
