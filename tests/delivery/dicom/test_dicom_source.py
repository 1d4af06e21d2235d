import nibabel
import numpy as np
import pytest
from tilted_axes import SHAPE, affine_in

from scripts.delivery.dicom import read_source
from scripts.errors import UserError
from scripts.phantoms.dicom_series import write_dicom_series
from scripts.scans import ScanReader

VOXELS = np.zeros(SHAPE, dtype=np.int16)


def write(folder, **tags):
    write_dicom_series(VOXELS, affine_in("LPS"), folder, **tags)
    return folder


def test_its_slices_are_those_of_the_scan_as_it_is_read(placed):
    folder, _, affine = placed
    source = read_source(folder)
    read, meta = ScanReader().get_data(folder)
    assert source.shape == SHAPE == tuple(read.shape)
    np.testing.assert_allclose(source.affine, meta["affine"])
    np.testing.assert_allclose(np.abs(np.linalg.det(source.affine)), np.abs(np.linalg.det(affine)), rtol=1e-4)
    for index in (0, 5, SHAPE[2] - 1):
        np.testing.assert_array_equal(source.hounsfield(index).T, read[:, :, index])
        position = np.diag([-1, -1, 1]) @ np.array(source.slices[index].ImagePositionPatient, dtype=float)
        np.testing.assert_allclose(position, (source.affine @ [0, 0, index, 1])[:3], atol=1e-3)


@pytest.mark.parametrize("codes", ["LPS", "RAS", "SLA"])
def test_a_volume_in_any_axis_order_is_loaded_onto_the_voxels(placed, codes, tmp_path):
    source = read_source(placed[0])
    volume = np.random.default_rng(1).integers(0, 6, SHAPE).astype(np.uint8)
    turn = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(source.affine), nibabel.orientations.axcodes2ornt(codes)
    )
    nibabel.save(nibabel.Nifti1Image(volume, source.affine).as_reoriented(turn), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(source.load(tmp_path / "a.nii.gz"), volume)


def test_a_volume_on_other_voxels_is_refused(tmp_path):
    source = read_source(write(tmp_path / "series"))
    shifted = source.affine.copy()
    shifted[0, 3] += 1.0
    nibabel.save(nibabel.Nifti1Image(VOXELS, shifted), tmp_path / "shifted.nii")
    with pytest.raises(UserError, match=r"shifted.nii: its voxels lie up to 1.00 mm from those of .*series"):
        source.load(tmp_path / "shifted.nii")
    nibabel.save(nibabel.Nifti1Image(VOXELS[:-1], source.affine), tmp_path / "short.nii")
    with pytest.raises(UserError, match=r"short.nii: shape \(25, 22, 12\) .* expected \(26, 22, 12\)"):
        source.load(tmp_path / "short.nii")
    (tmp_path / "text.nii").write_text("lobes")
    with pytest.raises(UserError, match=r"text.nii: cannot be read as NIfTI"):
        source.load(tmp_path / "text.nii")


def test_what_results_cannot_refer_to_is_refused_in_one_line(tmp_path):
    nibabel.save(nibabel.Nifti1Image(VOXELS, np.eye(4)), tmp_path / "scan.nii.gz")
    (tmp_path / "empty").mkdir()
    for name in ("scan.nii.gz", "empty"):
        with pytest.raises(UserError, match=f"{name}: not a folder of DICOM slices"):
            read_source(tmp_path / name)
    with pytest.raises(UserError, match="same: 12 slices share 1 SOPInstanceUID"):
        read_source(write(tmp_path / "same", SOPInstanceUID="1.2.3"))
    with pytest.raises(UserError, match="frameless: slices without FrameOfReferenceUID"):
        read_source(write(tmp_path / "frameless", FrameOfReferenceUID=None))


@pytest.mark.real
def test_a_real_series_whose_slices_share_a_uid_is_refused_by_that(real_scans):
    folder = real_scans / "covid_ct_md" / "dicom_every5th" / "COVID-19 subjects" / "P002"
    with pytest.raises(UserError, match=r"P002: \d+ slices share 1 SOPInstanceUID"):
        read_source(folder)


@pytest.mark.real
def test_a_real_series_with_its_own_uids_is_accepted(real_scans):
    assert read_source(real_scans / "cip_ct64" / "ct-64Dicom").shape == (64, 64, 79)
