import nibabel
import numpy as np
import pytest
from toy_chest import chest

from scripts.scans import Scan, find_lungs
from scripts.tools import preview
from scripts.transforms import LungRegion


@pytest.fixture(scope="module")
def toy():
    return chest((5.0, 6.0, 7.5))


def test_one_picture_a_scan_and_a_line_for_the_refused(tmp_path, capsys, toy):
    pytest.importorskip("matplotlib")
    nibabel.save(nibabel.Nifti1Image(*toy), tmp_path / "good.nii")
    nibabel.save(nibabel.Nifti1Image(np.zeros((9, 10, 11), np.int16), np.eye(4)), tmp_path / "flat.nii")
    arguments = ["--output_dir", str(tmp_path / "out"), "--spatial_shape", "20", "16", "18"]
    status = preview.main([str(tmp_path / "good.nii"), str(tmp_path / "flat.nii"), "none.nii", *arguments])
    assert status == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["001_good.nii.png"]
    errors = capsys.readouterr().err
    assert "refused (constant): " in errors
    assert "refused (not_found): none.nii" in errors
    assert preview.main([str(tmp_path / "good.nii"), *arguments, "--region", "scan"]) == 0


def test_the_pictures_are_right_way_up_in_radiological_convention(toy):
    pytest.importorskip("matplotlib")
    scan = Scan.from_array(*toy)
    figure = preview._draw(scan, find_lungs(scan), LungRegion()(scan), (20, 16, 18))
    assert len(figure.axes) == 8
    for axes in figure.axes:
        left, right = axes.get_xlim()
        bottom, top = axes.get_ylim()
        assert left > right  # R, or A in the sagittal plane, grows to the left
        assert bottom < top  # A, or S, grows upwards
        assert axes.get_aspect() == 1


def test_scan_and_grid_show_the_same_place_in_millimetres(toy):
    scan = Scan.from_array(*toy)
    coarse = preview._positions(scan, scan.coarse.affine, scan.coarse.voxels.shape)
    full = preview._positions(scan, scan.affine, scan.voxels.shape)
    for ours, theirs, spacing in zip(coarse, full, scan.spacing, strict=True):
        assert abs(ours.mean() - theirs.mean()) < 1e-6
        assert ours[0] >= theirs[0] - spacing / 2
