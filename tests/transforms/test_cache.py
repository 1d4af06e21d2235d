import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from monai.data import DataLoader, MetaTensor, list_data_collate
from monai.transforms import (
    Compose,
    MapTransform,
    RandFlipd,
    RandGaussianNoised,
    RandomizableTrait,
    RandShiftIntensityd,
    Transform,
)
from toy_chest import chest

from scripts.errors import UserError
from scripts.files import HOST
from scripts.scans import RefusedScan
from scripts.seeds import SeededIndex
from scripts.transforms import LungRegion, ScanDataset, cache, prepare, preprocessing

SHAPE = (16, 14, 18)


class Count(MapTransform):
    """Count how often the deterministic part runs."""

    calls = 0

    def __call__(self, data):
        type(self).calls += 1
        return {**data, "mean": float(data["image"].mean())}


def pipeline(*more, margin=10.0):
    return Compose([*preprocessing(LungRegion(margin), SHAPE).transforms, Count("image"), *more])


@pytest.fixture
def items(tmp_path):
    Count.calls = 0
    paths = [tmp_path / f"{name}.nii" for name in ("one", "two", "flat")]
    for path, spacing in zip(paths, ((5.0, 6.0, 7.5), (6.0, 5.0, 8.0), None), strict=True):
        array, affine = chest(spacing) if spacing else (np.zeros((12, 13, 14), np.int16), np.eye(4))
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return [{"image": str(path), "label": k} for k, path in enumerate(paths)]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def assert_same(a, b):
    assert a.keys() == b.keys()
    assert torch.equal(a["image"].as_tensor(), b["image"].as_tensor())
    assert a["image"].meta.keys() == b["image"].meta.keys()
    for key, value in a["image"].meta.items():
        other = b["image"].meta[key]
        assert torch.equal(value, other) if isinstance(value, torch.Tensor) else value == other
    assert a["label"] == b["label"]
    assert a["mean"] == b["mean"]


def test_cached_and_computed_items_are_the_same_to_the_bit(items, folder):
    cached = ScanDataset(items[:2], pipeline(), folder)
    computed = ScanDataset(items[:2], pipeline())
    for index in (0, 1):
        first, second = cached[index], cached[index]
        assert_same(first, computed[index])
        assert_same(second, computed[index])
        assert isinstance(second["image"], MetaTensor)
        assert type(first["image"].meta["space"]) is type(second["image"].meta["space"])


def test_the_deterministic_part_runs_once(items, folder):
    dataset = ScanDataset(items[:2], pipeline(), folder)
    for _ in range(3):
        assert dataset[1]["label"] == 1
    assert Count.calls == 1
    assert len(list(folder.iterdir())) == 1


def test_a_corrected_label_is_seen_at_once(items, folder):
    assert ScanDataset(items[:1], pipeline(), folder)[0]["label"] == 0
    assert ScanDataset([{**items[0], "label": 2}], pipeline(), folder)[0]["label"] == 2
    assert Count.calls == 1


def test_a_changed_scan_is_not_served_stale(items, folder):
    dataset = ScanDataset(items[:1], pipeline(), folder)
    before = dataset[0]["image"]
    array, affine = chest((5.0, 6.0, 7.5), consolidated=[((70, 0, 0), 50)])
    nibabel.save(nibabel.Nifti1Image(array, affine), items[0]["image"])
    assert not torch.equal(dataset[0]["image"], before)


def test_a_changed_setting_is_not_served_stale(items, folder):
    narrow, wide = (ScanDataset(items[:1], pipeline(margin=m), folder)[0]["image"] for m in (0.0, 40.0))
    assert not torch.equal(narrow, wide)
    assert Count.calls == 2


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"x" * len(b)])
def test_a_damaged_entry_is_made_again(items, folder, damage, caplog):
    dataset = ScanDataset(items[:1], pipeline(), folder)
    expected = dataset[0]
    entry = next(folder.iterdir())
    entry.write_bytes(damage(entry.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert_same(dataset[0], expected)
    assert "made again" in caplog.text
    assert_same(dataset[0], expected)
    assert Count.calls == 2


def test_entries_hold_only_what_weights_only_reads(items, folder):
    ScanDataset(items[:1], pipeline(), folder)[0]
    stored = torch.load(next(folder.iterdir()), weights_only=True)
    assert stored.keys() == {"image", "mean"}
    assert type(stored["image"]["tensor"]) is torch.Tensor


def test_two_runs_may_share_the_folder(items, folder):
    transform = preprocessing(LungRegion(), SHAPE)
    runs = [ScanDataset(items[:2], transform, folder) for _ in range(2)]
    assert prepare(runs, num_workers=2) == []  # each worker takes the same scan at about the same time
    assert [path.suffix for path in folder.iterdir()] == [".pt", ".pt"]
    assert torch.equal(runs[0][1]["image"], ScanDataset(items[:2], transform)[1]["image"])


def test_no_reader_sees_a_part_of_an_entry(folder):
    entry = folder / "entry.pt"
    values = [{"image": torch.full((300, 300), float(k))} for k in range(2)]
    cache._save(values[0], entry)
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(lambda v=v: [cache._save(v, entry) for _ in range(30)]) for v in values]
        while not all(writer.done() for writer in writers):
            image = cache._load(entry)["image"]
            assert image.unique().numel() == 1


def test_random_transforms_come_on_top_and_follow_the_seed(items, folder):
    random = (
        RandFlipd("image", prob=0.5, spatial_axis=0),
        RandShiftIntensityd("image", offsets=0.2, prob=1.0),
    )
    dataset = ScanDataset(items[:1], pipeline(*random), folder)

    def draw(seed):
        dataset.set_random_state(seed)
        return [dataset[0]["image"].as_tensor() for _ in range(3)]

    first, again, other = draw(1), draw(1), draw(2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], other[0])
    assert Count.calls == 1


def test_a_seeded_index_gives_the_same_changes_in_any_order_and_process(items, folder):
    class Global(Transform, RandomizableTrait):
        def __call__(self, data):
            return {**data, "image": data["image"] + np.random.rand() + torch.rand(1)}

    random = (RandFlipd("image", prob=0.5, spatial_axis=0), RandGaussianNoised("image", prob=0.9), Global())
    dataset = ScanDataset(items[:2], pipeline(*random), folder)
    indices = [SeededIndex(place % 2, seed=100 + place) for place in range(4)]
    forward = [dataset[index]["image"].as_tensor() for index in indices]
    loaders = [DataLoader(dataset, batch_sampler=[[i] for i in indices[::-1]], num_workers=n) for n in (0, 2)]
    for loader in loaders:
        backward = [batch["image"][0].as_tensor() for batch in loader]
        assert all(torch.equal(a, b) for a, b in zip(forward, backward[::-1], strict=True))
    assert not torch.equal(forward[0], forward[2])


def test_a_refused_scan_raises_unless_it_is_kept(items, folder):
    with pytest.raises(RefusedScan, match=r"flat\.nii") as caught:
        ScanDataset(items, pipeline(), folder)[2]
    assert caught.value.code == "constant"


def test_kept_refusals_collate_with_the_rest(items, folder):
    transform = preprocessing(LungRegion(), SHAPE)
    dataset = ScanDataset([*items, {"image": "none.nii", "label": 0}], transform, folder, keep_refused=True)
    batch = next(iter(DataLoader(dataset, batch_size=4, collate_fn=list_data_collate)))
    assert batch["image"].shape == (4, 1, *SHAPE)
    assert batch["refusal"]["code"] == ["", "", "constant", "not_found"]
    assert batch["refusal"]["message"][0] == ""
    assert batch["refusal"]["message"][2].startswith("all voxels are about 0")
    assert batch["image"][2:].eq(0).all()
    assert batch["image"].meta["filename_or_obj"][2] == items[2]["image"]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_prepare_fills_the_cache_and_returns_all_refusals(items, folder, num_workers):
    transform = preprocessing(LungRegion(), SHAPE)
    train, select = ScanDataset(items[1:], transform, folder), ScanDataset(items[:1], transform, folder)
    refusals = prepare([train, select], num_workers)
    assert [(r.code, Path(r.name).name) for r in refusals] == [("constant", "flat.nii")]
    assert len(list(folder.glob("*.pt"))) == 2


def test_other_errors_are_not_taken_for_refusals(items, folder):
    class Broken(MapTransform):
        def __call__(self, data):
            raise KeyError("a bug")

    with pytest.raises(RuntimeError, match="Broken"):
        ScanDataset(items, Compose([Broken("image")]), folder, keep_refused=True)[0]


def test_items_with_different_fields_make_a_batch(items, folder):
    uneven = ScanDataset([items[0] | {"fold": 2}, items[1] | {"severity": "mild"}], pipeline(), folder)
    batch = next(iter(DataLoader(uneven, batch_size=2)))
    assert batch["label"].tolist() == [0, 1] and not {"fold", "severity"} & set(batch)
    assert uneven.data[0]["fold"] == 2


def test_fields_that_only_some_items_have_or_that_say_how_to_read_are_left_out(items):
    items[0] |= {"severity": "CT-1", "spacing": [5.0, 6.0, 7.5], "patient": "a"}
    items[1] |= {"patient": "b"}
    batch = list_data_collate([ScanDataset(items[:2], pipeline())[k] for k in (0, 1)])
    assert batch["patient"] == ["a", "b"]
    assert not {"severity", "spacing"} & set(batch)


def test_flipped_bytes_are_found_or_change_nothing(items, folder, caplog):
    dataset = ScanDataset(items[:1], pipeline(), folder)
    expected = dataset[0]
    entry = next(folder.iterdir())
    whole, random = entry.read_bytes(), np.random.default_rng(0)
    for _ in range(6):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 64):
            damaged[place] ^= 1 << random.integers(8)
        entry.write_bytes(damaged)
        assert_same(dataset[0], expected)
    assert caplog.text.count("made again") >= 5


def test_entries_of_a_read_only_folder_are_read_and_others_computed(items, folder, caplog, monkeypatch):
    ScanDataset(items[:1], pipeline(), folder)[0]
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr("os.fsync", _refuse)
    cache._say_read_only.cache_clear()
    dataset = ScanDataset(items[:2], pipeline(), folder)
    assert [dataset[index]["label"] for index in (0, 1, 1)] == [0, 1, 1]
    assert Count.calls == 3 and len(list(folder.iterdir())) == 1
    assert caplog.text.count("cannot be written") == 1


def _refuse(handle):
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_full_disk_ends_the_preparation_in_one_line(items, folder, monkeypatch, num_workers):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match=f"^no space left on {folder}: needs about 1 MB for .*pt$"):
        prepare(ScanDataset(items[:1], preprocessing(LungRegion(), SHAPE), folder), num_workers)
    assert list(folder.iterdir()) == []


def test_what_a_killed_run_left_is_swept_when_scans_are_prepared(items, folder):
    folder.mkdir()
    (folder / f"entry.pt.0.{HOST}.{2**22 + 1}.partial").write_text("half")
    prepare(ScanDataset(items[:1], preprocessing(LungRegion(), SHAPE), folder))
    assert [path.suffix for path in folder.iterdir()] == [".pt"]


@pytest.mark.parametrize("ending", [".mhd", ".nhdr", ".hdr", ".img"])
def test_voxels_that_change_beside_their_header_are_not_served_stale(tmp_path, folder, ending):
    paths = [tmp_path / f"{name}{ending}" for name in "ab"]
    for path, consolidated in zip(paths, ([], [((70, 0, 0), 50)]), strict=True):
        array, affine = chest((5.0, 6.0, 7.5), consolidated=consolidated)
        if ending in (".hdr", ".img"):
            nibabel.save(nibabel.Nifti1Pair(array, affine), path)
        else:
            image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
            image.SetSpacing([5.0, 6.0, 7.5])
            image.SetDirection([-1, 0, 0, 0, -1, 0, 0, 0, 1])
            sitk.WriteImage(image, str(path))
    dataset = ScanDataset([{"image": str(paths[0])}], preprocessing(LungRegion(), SHAPE), folder)
    before = dataset[0]["image"]
    voxels = {".mhd": ".raw", ".nhdr": ".raw", ".hdr": ".img", ".img": ".img"}[ending]
    paths[0].with_suffix(voxels).write_bytes(paths[1].with_suffix(voxels).read_bytes())
    assert not torch.equal(dataset[0]["image"], before)
