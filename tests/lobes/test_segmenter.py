import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from torch.utils.data import DataLoader
from toy_chest import chest

from scripts.errors import UserError
from scripts.lobes import LobeMap, LobeRegion, LobeSegmenter, LobeUNet, lobe_segmenter, unpack_lobes
from scripts.networks import weights_hash
from scripts.scans import Scan
from scripts.transforms import LungRegion, ScanDataset, ToGrid, ToGridd, preprocessing
from scripts.transforms.fingerprint import fingerprint


@pytest.fixture(scope="module")
def scan():
    return Scan.from_array(*chest((4.0, 5.0, 6.0)))


SMALL = {
    "base": "inference_lobes.yaml",
    "spatial_shape": [24, 16, 20],
    "network_def::channels": [4, 8],
    "network_def::residual_units": 0,
}


@pytest.fixture
def checkpoint(tmp_path, save_model):
    save_model(tmp_path / "lobe_model.pt", **SMALL)
    return tmp_path / "lobe_model.pt"


def as_tensor(scan):
    return MetaTensor(torch.from_numpy(scan.voxels.copy())[None], affine=torch.from_numpy(scan.affine))


def true_lobes(scan, margin=0.0):
    """Lobes that fill the toy lungs' ellipsoids, on the scan's voxels."""
    axes = [scan.affine[a, a] * np.arange(n) + scan.affine[a, 3] for a, n in enumerate(scan.voxels.shape)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    labels = np.zeros(x.shape, np.uint8)
    for centre, numbers in ((70, (3, 4, 5)), (-70, (1, 1, 2))):
        inside = ((x - centre) / 55) ** 2 + (y / 80) ** 2 + (z / 110) ** 2 < 1
        height = z + 0.3 * y  # fissures slant down to the front
        labels = np.where(inside, np.select([height > 26, height > 0], numbers[:2], numbers[2]), labels)
    return LobeMap(labels.astype(np.uint8), scan.affine)


def test_the_segmenter_answers_on_its_checkpoints_grid_and_on_the_scan(scan, checkpoint):
    segmenter = LobeSegmenter(str(checkpoint))
    lobes, on_scan = segmenter(scan), segmenter.on_scan(scan)
    assert lobes.labels.shape == (24, 16, 20)
    assert on_scan.labels.shape == scan.voxels.shape and np.array_equal(on_scan.affine, scan.affine)
    assert lobes.weights == on_scan.weights == weights_hash(checkpoint)
    assert pickle.loads(pickle.dumps(segmenter)) == segmenter


def test_a_checkpoint_rebuilds_its_network_and_answers_as_it_does(scan, tmp_path, save_model):
    network = save_model(tmp_path / "lobe_model.pt", **SMALL | {"network_def::residual_units": 1})
    segmenter = LobeSegmenter(str(tmp_path / "lobe_model.pt"))
    grid = ToGrid(segmenter.region, (24, 16, 20))(as_tensor(scan))
    with torch.no_grad():
        expected = network(grid.as_tensor()[None])[0].softmax(dim=0)
    torch.testing.assert_close(segmenter.probabilities(scan)[0], expected)


def test_its_window_is_the_model_file_s(scan, tmp_path, save_model):
    network = save_model(tmp_path / "lobe_model.pt", **SMALL, window=[40, 400])
    grid = ToGrid(LungRegion(), (24, 16, 20), (40.0, 400.0))(as_tensor(scan))
    with torch.no_grad():
        expected = network(grid.as_tensor()[None])[0].softmax(dim=0)
    torch.testing.assert_close(
        LobeSegmenter(str(tmp_path / "lobe_model.pt")).probabilities(scan)[0], expected
    )


def test_a_checkpoint_of_another_kind_is_refused(tmp_path, save_model):
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16])
    with pytest.raises(UserError, match=r"model\.pt: its classes are non-pneumonia, .*; not a lobe network"):
        LobeSegmenter(str(tmp_path / "model.pt"))


def test_weights_of_another_network_under_the_model_file_are_refused(checkpoint):
    torch.save(LobeUNet((4, 8), 1, (24, 16, 20)).state_dict(), checkpoint)
    with pytest.raises(UserError, match=r"is not the checkpoint that lobe_model\.json describes"):
        LobeSegmenter(str(checkpoint))


def test_a_segmenter_without_weights_says_so_once_and_is_none(tmp_path, caplog):
    assert lobe_segmenter(tmp_path / "gone.pt") is None and lobe_segmenter(None) is None
    assert [record.message.split(":")[-1] for record in caplog.records] == [
        " without a lobe mask, the lung mask gives the box"
    ] * 2
    assert "gone.pt: no such file" in caplog.text


def test_the_networks_lobes_give_the_box_with_the_margin_in_millimetres(scan):
    lobes = replace(true_lobes(scan), weights="ab" * 32)
    box = LobeRegion(margin=12.0, segmenter=lambda _: lobes)(scan)
    low, high = lobes.faces()
    np.testing.assert_allclose(box.low, low - 12 / scan.spacing)
    np.testing.assert_allclose(box.high, high + 12 / scan.spacing)
    assert box.flags == ("box_from_lobe_network",)
    assert unpack_lobes(box.lobes).weights == "ab" * 32


def test_all_sources_give_about_the_same_box(scan):
    boxes = [LobeRegion(segmenter=lambda _: true_lobes(scan))(scan), LobeRegion()(scan)]
    np.testing.assert_allclose(boxes[0].low, boxes[1].low, atol=2)
    np.testing.assert_allclose(boxes[0].high, boxes[1].high, atol=2)
    assert boxes[1].flags == ("box_from_lung_mask",)
    assert (boxes[1].low, boxes[1].high) == (LungRegion()(scan).low, LungRegion()(scan).high)


def test_implausible_lobes_are_not_passed_on(scan):
    truth = true_lobes(scan)
    swapped = LobeMap(truth.labels[::-1], truth.affine)
    box = LobeRegion(segmenter=lambda _: swapped)(scan)
    assert box.flags == ("box_from_lung_mask", "lobe_network_left_right_swapped")
    assert box.low == LungRegion()(scan).low


def test_a_mask_goes_before_the_network(scan, tmp_path):
    import nibabel

    def never(_):
        raise AssertionError("the network ran")

    nibabel.save(nibabel.Nifti1Image(true_lobes(scan).labels, scan.affine), tmp_path / "lobes.nii.gz")
    box = LobeRegion(segmenter=never)(replace(scan, lobes=str(tmp_path / "lobes.nii.gz")))
    assert box.flags == ("box_from_lobe_mask",)


def pipeline(region):
    return preprocessing(region, (20, 16, 24), lobes_key="lobes")


def test_another_checkpoint_is_another_cache_entry_and_the_same_one_is_not(checkpoint, save_model):
    item = {"image": str(checkpoint)}  # any file

    def digest():
        return fingerprint(item, pipeline(LobeRegion(segmenter=LobeSegmenter(str(checkpoint)))).transforms)

    first = digest()
    assert digest() == first
    save_model(checkpoint, **SMALL, seed=1)
    assert digest() != first


def test_a_changed_mask_is_another_cache_entry_only_for_a_region_that_asks_for_it(checkpoint, tmp_path):
    mask = tmp_path / "mask.nii.gz"
    item = {"image": str(checkpoint), "lobes": str(mask)}
    with_mask, without = (
        pipeline(LobeRegion()).transforms,
        preprocessing(LungRegion(), (20, 16, 24)).transforms,
    )
    mask.write_bytes(b"one")
    before = [fingerprint(item, transforms) for transforms in (with_mask, without)]
    mask.write_bytes(b"another")
    after = [fingerprint(item, transforms) for transforms in (with_mask, without)]
    assert before[0] != after[0] and before[1] == after[1]


def test_it_runs_once_a_scan_in_a_loaders_worker_and_its_box_is_cached(checkpoint, tmp_path, monkeypatch):
    import nibabel

    path = Path(tmp_path / "scan.nii.gz")
    nibabel.save(nibabel.Nifti1Image(*chest((4.0, 5.0, 6.0))), path)
    region = LobeRegion(segmenter=LobeSegmenter(str(checkpoint)))
    dataset = ScanDataset([{"image": str(path)}], pipeline(region), tmp_path / "cache")
    (from_worker,) = DataLoader(dataset, batch_size=None, num_workers=1)
    monkeypatch.setattr(LobeSegmenter, "__call__", None)  # a second run would fail
    again = dataset[0]["image"]
    assert torch.equal(again.as_tensor(), from_worker["image"].as_tensor())
    assert "box_from_" in again.meta["flags"]
    assert isinstance(dataset.transform.transforms[1], ToGridd)
