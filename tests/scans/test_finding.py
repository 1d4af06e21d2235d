import itertools
import logging
import os
import zipfile
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


def paths(*named):
    return [scan.path for scan in find_scans(named).scans]


def relative(scans, tree):
    return [str(Path(scan).relative_to(tree)) for scan in scans]


def test_a_folder_is_walked_in_natural_order(tree):
    expected = ["scan2.nii", "scan10.nii.gz", "b/x.NRRD", "b/y.mha", "b/z.mhd", "series"]
    assert relative(paths(tree), tree) == expected


def test_what_is_named_directly_comes_back_even_if_it_is_no_scan(tree):
    named = [str(tree / name) for name in ("none.nii", "notes.txt", "series", "scan2.nii")]
    assert paths(*named) == named


def test_a_folder_without_scans_comes_back_to_be_refused_by_name(tmp_path):
    assert paths(tmp_path) == [str(tmp_path)]


def test_a_scan_named_twice_is_listed_once(tree):
    assert relative(paths(tree / "b", tree / "b" / "y.mha"), tree) == [
        "b/x.NRRD",
        "b/y.mha",
        "b/z.mhd",
    ]


def test_files_left_out_are_counted_and_named(tree, caplog):
    with caplog.at_level(logging.INFO):
        passed_over = find_scans([tree]).passed_over
    assert "2 passed over (no scan, or damaged beyond recognition): " in caplog.text
    reasons = {name.partition("/")[2]: why for name, why in passed_over.items()}
    assert reasons == {
        "notes.txt": "no scan, or damaged beyond recognition",
        "series/readme": "no scan, or damaged beyond recognition",
        "b/z.zraw": "the voxels of a header beside it",
    }


def test_a_folder_of_eight_pictures_is_a_scan_and_one_of_seven_is_not(tmp_path):
    for folder, count in (("slices", 8), ("figures", 7)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            (tmp_path / folder / f"{number}.PNG").write_bytes(b"")
    assert relative(paths(tmp_path), tmp_path) == ["slices"]


def test_a_zip_is_searched_where_it_is_named_and_where_it_lies(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for scan, number in itertools.product(("CP/1/10", "CP/1/9", "../CP/1/8"), range(8)):
            archive.writestr(f"{scan}/{number}.jpg", "")
        archive.writestr("DICOM/1", bytes(128) + b"DICM")
        archive.writestr("notes/readme.txt", "")
    expected = ["a.zip::CP/1/9", "a.zip::CP/1/10", "a.zip::DICOM"]
    assert relative(paths(tmp_path), tmp_path) == expected
    assert relative(paths(tmp_path / "a.zip"), tmp_path) == expected


def test_a_broken_zip_is_named_to_be_refused(tmp_path):
    (tmp_path / "a.zip").write_text("no zip")
    assert relative(paths(tmp_path), tmp_path) == ["a.zip"]


def test_links_are_followed_once(tree):
    (tree / "b" / "again").symlink_to(tree)
    (tree / "linked").symlink_to(tree / "series")
    assert len(paths(tree)) == 6


def test_a_pipe_in_a_folder_does_not_stop_the_walk(tree):
    os.mkfifo(tree / "series" / "pipe")
    assert len(paths(tree)) == 6
