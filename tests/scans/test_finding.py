import logging
from pathlib import Path

import pytest

from scripts.scans import find_scans


@pytest.fixture
def tree(tmp_path):
    for name in ("scan10.nii.gz", "scan2.nii", "b/x.NRRD", "b/y.mha", "b/z.mhd", "b/z.zraw", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for name in ("series/IM1", "series/IM2", "series/readme"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(128) + (b"DICM" if "IM" in name else b"text"))
    return tmp_path


def relative(scans, tree):
    return [str(Path(scan).relative_to(tree)) for scan in scans]


def test_a_folder_is_walked_in_natural_order(tree):
    expected = ["scan2.nii", "scan10.nii.gz", "b/x.NRRD", "b/y.mha", "b/z.mhd", "series"]
    assert relative(find_scans([tree]), tree) == expected


def test_what_is_named_directly_comes_back_even_if_it_is_no_scan(tree):
    named = [str(tree / name) for name in ("none.nii", "notes.txt", "series", "scan2.nii")]
    assert find_scans(named) == named


def test_a_folder_without_scans_comes_back_to_be_refused_by_name(tmp_path):
    assert find_scans([tmp_path]) == [str(tmp_path)]


def test_a_scan_named_twice_is_listed_once(tree):
    assert relative(find_scans([tree / "b", tree / "b" / "y.mha"]), tree) == [
        "b/x.NRRD",
        "b/y.mha",
        "b/z.mhd",
    ]


def test_files_left_out_are_counted(tree, caplog):
    with caplog.at_level(logging.INFO):
        find_scans([tree])
    assert "3 files that are no scans were left out" in caplog.text  # notes.txt, z.zraw, readme
