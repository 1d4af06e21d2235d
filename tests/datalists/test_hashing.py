import hashlib

import pytest

from scripts.datalists.hashing import hash_content

ITEMS = [{"image": "b"}, {"image": "a.nii.gz", "lesions": "m.nii.gz"}]


@pytest.fixture
def root(grow):
    root = grow("a.nii.gz", "m.nii.gz", "b/0.png")
    (root / "a.nii.gz").write_bytes(b"12345")
    return root


def test_hand_worked_case(root):
    lines = "a.nii.gz\t5\nb/0.png\t7\nm.nii.gz\t8\n"
    assert hash_content(root, ITEMS) == hashlib.sha256(lines.encode()).hexdigest()


def test_order_of_items_and_place_of_root_do_not_matter(root, tmp_path):
    before = hash_content(root, ITEMS)
    assert hash_content(root.rename(tmp_path / "moved"), ITEMS[::-1]) == before


@pytest.mark.parametrize("contents", [False, True])
def test_a_longer_file_and_a_further_slice_change_it(root, contents):
    hashes = {hash_content(root, [*ITEMS], contents)}
    (root / "m.nii.gz").write_bytes(b"longer than before")
    hashes.add(hash_content(root, ITEMS, contents))
    (root / "b/1.png").write_bytes(b"")
    hashes.add(hash_content(root, ITEMS, contents))
    assert len(hashes) == 3


def test_equal_size_with_other_bytes_is_told_apart_by_contents_only(root):
    sizes, bytes_ = hash_content(root, ITEMS), hash_content(root, [dict(i) for i in ITEMS], contents=True)
    (root / "a.nii.gz").write_bytes(b"54321")
    assert hash_content(root, ITEMS) == sizes
    assert hash_content(root, [dict(i) for i in ITEMS], contents=True) != bytes_


def test_with_contents_identical_scans_have_one_hash(grow):
    root = grow("a/0.png", "b/0.png", "c/0.png")
    (root / "b/0.png").write_bytes((root / "a/0.png").read_bytes())
    items = [{"image": name} for name in "abc"]
    hash_content(root, items, contents=True)
    assert items[0]["sha256"] == items[1]["sha256"] != items[2]["sha256"]
