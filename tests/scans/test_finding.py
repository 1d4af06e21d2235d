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


DROPPINGS = (
    "._a.nii.gz",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "__MACOSX/._a.nii",
    "@eaDir/a.nii",
    ".git/b.nii",
)


def test_what_systems_leave_is_passed_over_in_folders_slices_and_zips(tree, tmp_path):
    clean = relative(paths(tree), tree)
    for name in DROPPINGS:
        for folder in (tree, tree / "series"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(b"\0\5\x16\7" + bytes(128) + b"DICM")
    assert relative(paths(tree), tree) == clean
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for name in ("scans/a.nii.gz", *(f"scans/{name}" for name in DROPPINGS)):
            archive.writestr(name, "x")
    assert relative(paths(tmp_path / "z.zip"), tmp_path) == ["z.zip::scans/a.nii.gz"]


def test_links_and_pipes_are_named_never_skipped_unsaid(tree):
    os.mkfifo(tree / "pipe")
    (tree / "dead").symlink_to(tree / "nowhere")
    (tree / "dead.nii.gz").symlink_to(tree / "nowhere")
    found = find_scans([tree])
    assert str(tree / "dead.nii.gz") in [scan.path for scan in found.scans]  # to be refused by name
    named = {name.rpartition("/")[2]: why for name, why in found.passed_over.items()}
    assert named["pipe"] == "neither a file nor a folder"
    assert named["dead"].startswith("a link that leads nowhere")


def test_a_folder_that_may_not_be_entered_is_named_to_be_refused(tree, monkeypatch):
    scandir = os.scandir

    def closed(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert "b" in relative(paths(tree), tree)


def test_files_without_an_ending_are_what_their_first_bytes_say(tree):
    nifti = bytearray(400)
    nifti[:4], nifti[344:347] = b"\x5c\1\0\0", b"n+1"
    for name, start in (("a", bytes(nifti)), ("b", b"NRRD0004\n"), ("c", b"\x93NUMPY"), ("d", b"text")):
        (tree / "bare").mkdir(exist_ok=True)
        (tree / "bare" / name).write_bytes(start)
    assert relative(paths(tree / "bare"), tree / "bare") == ["a", "b", "c"]
