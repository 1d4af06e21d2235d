import json
import shutil

import nibabel
import numpy as np
import pytest
from toy_lobes import SHAPE, affine, labels

from scripts.lobes import convert, measure


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, save_model):
    path = tmp_path_factory.mktemp("weights") / "lobe_model.pt"
    small = {"network_def::channels": [4, 8], "network_def::residual_units": 0}
    save_model(path, base="inference_lobes.yaml", spatial_shape=[24, 16, 20], **small)
    return str(path)


def test_a_totalsegmentator_mask_becomes_ours_and_its_volumes_are_printed(tmp_path, capsys):
    truth = labels(affine(), SHAPE)
    theirs = np.array([0, 10, 11, 12, 13, 14], dtype=np.uint8)[truth]
    theirs[0, 0, 0] = 51  # heart
    nibabel.save(nibabel.Nifti1Image(theirs, affine()), tmp_path / "theirs.nii.gz")
    arguments = [str(tmp_path / "theirs.nii.gz"), "--labels", "totalsegmentator"]
    assert convert.main([*arguments, "--output", str(tmp_path / "ours.nii.gz")]) == 0
    ours = nibabel.load(tmp_path / "ours.nii.gz")
    np.testing.assert_array_equal(np.asarray(ours.dataobj), truth)
    np.testing.assert_allclose(ours.affine, affine(), atol=1e-4)
    assert "right middle: " in capsys.readouterr().out


def test_a_swapped_mask_is_called_implausible(tmp_path, capsys):
    nibabel.save(nibabel.Nifti1Image(labels(affine(), SHAPE)[::-1], affine()), tmp_path / "a.nii.gz")
    assert (
        convert.main([str(tmp_path / "a.nii.gz"), "--labels", "bundle", "--output", str(tmp_path / "b.nii")])
        == 1
    )
    assert "implausible: left_right_swapped" in capsys.readouterr().out


def test_measure_prints_a_row_a_lobe(checkpoint, phantoms, tmp_path, capsys):
    datalist = json.loads((phantoms / "datalist.json").read_text())
    datalist["test"] = datalist["test"][:1]
    for kind in ("images", "lobes"):
        shutil.copytree(phantoms / kind, tmp_path / kind)
    (tmp_path / "datalist.json").write_text(json.dumps(datalist))
    measure.main([checkpoint, "--dataset_dir", str(tmp_path)])
    out = capsys.readouterr().out
    assert "1 scans, 0 refused" in out
    assert all(f"| {lobe} |" in out for lobe in ("left upper", "right middle", "mean"))
