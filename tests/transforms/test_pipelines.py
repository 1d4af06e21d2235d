import nibabel
import numpy as np
import pytest
import torch
from monai.transforms import Compose, RandFlipd
from toy_chest import chest

from scripts.scans import RefusedScan
from scripts.transforms import LoadScand, LungRegion, ToGridd, preprocessing


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("scans") / "toy.nii.gz"
    nibabel.save(nibabel.Nifti1Image(*chest((4.0, 5.0, 6.0))), path)
    return str(path)


def test_from_a_path_to_the_grid(path):
    item = preprocessing(LungRegion(5.0), (20, 18, 22))({"image": path, "image_path": path, "label": 1})
    assert item["image"].shape == (1, 20, 18, 22)
    assert item["image"].meta["filename_or_obj"] == path
    assert 0.2 < float(item["image"].mean()) < 0.8
    assert (item["image_path"], item["label"]) == (path, 1)


def test_another_key_and_window(path):
    grid = preprocessing(LungRegion(), (20, 18, 22), window=(40.0, 400.0), key="ct")({"ct": path})["ct"]
    assert float((grid == 0).float().mean()) > 0.3  # lung lies below a mediastinal window


def test_the_pipeline_is_flat_and_deterministic():
    pipeline = preprocessing(LungRegion(), (20, 18, 22))
    assert [type(t) for t in pipeline.transforms] == [LoadScand, ToGridd]
    flat = Compose([pipeline, RandFlipd("image")]).flatten()
    assert flat.get_index_of_first(lambda t: isinstance(t, RandFlipd)) == 2


def test_the_cause_of_a_failed_pipeline_is_the_refusal():
    with pytest.raises(RuntimeError) as caught:
        preprocessing(LungRegion(), (20, 18, 22))({"image": "none.nii"})
    cause = caught.value
    while not isinstance(cause, RefusedScan):
        cause = cause.__cause__
    assert cause.code == "not_found"


def test_building_it_warns_of_nothing(recwarn, caplog):
    preprocessing(LungRegion(), (20, 18, 22))
    assert not recwarn.list
    assert not caplog.records


def test_the_same_scan_gives_the_same_bits_twice(path):
    pipeline = preprocessing(LungRegion(), (20, 18, 22))
    grids = [pipeline({"image": path})["image"].as_tensor() for _ in range(2)]
    assert torch.equal(*grids)


def test_declared_grey_levels_become_the_grid_of_the_scan_they_were_made_of(path, tmp_path):
    array, affine = chest((4.0, 5.0, 6.0))
    grey = np.round(np.clip((array + 1250) / 1500, 0, 1) * 4095).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(grey, affine), tmp_path / "grey.nii")
    declared = {"intensity": "windowed", "window": [-500, 1500], "grey_range": [0, 4095]}
    load = preprocessing(LungRegion(), (20, 18, 22))
    expected = load({"image": path})["image"]
    grid = load({"image": str(tmp_path / "grey.nii"), "name": "grey.nii", **declared})["image"]
    difference = (grid.as_tensor() - expected.as_tensor()).abs()
    assert difference.median() < 0.001
    assert difference.max() < 0.04  # bone: the window clamped it before it was averaged, not after
    assert grid.meta["intensity"] == "windowed -500 1500 0 4095" and expected.meta["intensity"] == "HU"
    assert "windowed" in grid.meta["flags"].split() and "windowed" not in expected.meta["flags"]
    assert grid.meta["filename_or_obj"] == "grey.nii"
