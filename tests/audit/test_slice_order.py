import numpy as np
import pytest
from audited import load, mask_body, phantom_items
from toy_chest import chest

from scripts.audit.measuring import measure_scan, missing_names, out_of_order, repeated_slices, upside_down
from scripts.scans import Scan, find_lungs


@pytest.fixture(scope="module")
def scans(phantoms):
    return [Scan.from_array(*load(item["image"])) for item in phantom_items(phantoms)]


def reordered(scan, order):
    return Scan(scan.voxels[:, :, order], scan.affine)


def test_clean_phantoms_have_no_fault_in_their_slices(scans):
    for scan in scans:
        assert repeated_slices(scan) == 0 and out_of_order(scan) == 0 and not upside_down(find_lungs(scan))


@pytest.mark.parametrize("count", [1, 3, 10])
def test_every_repeated_slice_is_counted(count, scans):
    order = [k for k in range(48) for _ in range(2 if k >= 48 - count else 1)]
    assert [repeated_slices(reordered(scan, order)) for scan in scans] == [count] * len(scans)


def test_blank_slices_are_no_repeats():
    voxels = np.random.default_rng(0).integers(-1000, 100, (12, 10, 9)).astype(np.int16)
    voxels[:, :, [0, 1, 8]] = -1024
    assert repeated_slices(Scan(voxels, np.eye(4))) == 0


@pytest.mark.parametrize("run", [(10, 20), (15, 40), (30, 44)])
def test_a_run_of_slices_in_reversed_order_leaves_a_seam(run, scans):
    start, stop = run
    order = [*range(start), *range(stop - 1, start - 1, -1), *range(stop, 48)]
    assert all(out_of_order(reordered(scan, order)) for scan in scans)


def test_a_block_of_slices_moved_elsewhere_leaves_a_seam(scans):
    order = [*range(24, 48), *range(24)]
    assert all(out_of_order(reordered(scan, order)) for scan in scans)


def test_a_scan_upside_down_is_told_by_its_lungs(scans):
    assert all(upside_down(find_lungs(reordered(scan, range(47, -1, -1)))) for scan in scans)


def test_a_masked_body_is_not_called_out_of_order(phantoms, tmp_path):
    for item in phantom_items(phantoms):
        path = mask_body(item["image"], phantoms / item["lobes"], tmp_path / "masked.nii.gz")
        measured = measure_scan({"image": str(path), "name": item["image"]})
        assert measured.masked_body and measured.slices["out_of_order"] == 0, item["image"]


def test_lungs_alike_at_both_ends_are_not_called_upside_down():
    assert not upside_down(find_lungs(Scan(*chest())))


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["1.png", "2.png", "3.png"], 0),
        (["8.png", "9.png", "10.png", "12.png"], 1),  # not in the order of text
        (["10.png", "20.png", "30.png", "40.png"], 0),  # every tenth kept
        (["10.png", "20.png", "50.png", "60.png"], 2),
        (["IMG-0001-00001.jpg", "IMG-0001-00002.jpg", "IMG-0001-00005.jpg", "IMG-0001-00006.jpg"], 2),
        (["a.png", "b.png", "c.png"], 0),
    ],
)
def test_numbers_left_out_of_slice_names_are_counted(names, missing, grow):
    assert missing_names({"image": str(grow(*names))}) == missing


def test_a_file_has_no_missing_names(grow):
    assert missing_names({"image": str(grow("a.nii.gz") / "a.nii.gz")}) == 0
