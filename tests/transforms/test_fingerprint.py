import os
import subprocess
import sys

import numpy as np
import pytest
from monai.transforms import Compose

from scripts.transforms import LungRegion, WholeScanRegion, preprocessing
from scripts.transforms import fingerprint as module
from scripts.transforms.fingerprint import describe, fingerprint, source_digest


def steps(region=None, shape=(8, 9, 10), window=(-500.0, 1500.0)):
    return preprocessing(region or LungRegion(), shape, window).transforms


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "a.nii"
    path.write_bytes(b"voxels")
    return path


def test_a_changed_file_changes_it(scan):
    before = fingerprint({"image": str(scan)}, steps())
    assert fingerprint({"image": str(scan)}, steps()) == before
    stat = scan.stat()
    os.utime(scan, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    touched = fingerprint({"image": str(scan)}, steps())
    scan.write_bytes(b"voxels and more")
    os.utime(scan, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    grown = fingerprint({"image": str(scan)}, steps())
    assert len({before, touched, grown}) == 3


def test_each_file_of_a_series_folder_counts(tmp_path):
    for number in range(3):
        (tmp_path / f"IM{number}").write_bytes(b"slice")
    before = fingerprint({"image": str(tmp_path)}, steps())
    stat = (tmp_path / "IM1").stat()
    os.utime(tmp_path / "IM1", ns=(stat.st_atime_ns, stat.st_mtime_ns - 1))
    changed = fingerprint({"image": str(tmp_path)}, steps())
    (tmp_path / "IM2").unlink()
    assert len({before, changed, fingerprint({"image": str(tmp_path)}, steps())}) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"region": LungRegion(9.0)},
        {"region": WholeScanRegion()},
        {"shape": (8, 10, 9)},
        {"window": (-600.0, 1500.0)},
        {"window": (-500.0, 1400.0)},
    ],
)
def test_a_changed_setting_changes_it(scan, other):
    assert fingerprint({"image": str(scan)}, steps()) != fingerprint({"image": str(scan)}, steps(**other))


def test_changed_code_changes_it(scan, tmp_path, monkeypatch):
    before = fingerprint({"image": str(scan)}, steps())
    monkeypatch.setattr(module, "source_digest", lambda folder: "another")
    assert fingerprint({"image": str(scan)}, steps()) != before


def test_the_source_digest_sees_every_line_but_not_the_files_that_change_no_value(tmp_path):
    source_digest.cache_clear()
    (tmp_path / "grid.py").write_text("x = 1\n")
    (tmp_path / "preview.py").write_text("y = 1\n")
    digests = [source_digest(tmp_path)]
    for name in ("preview.py", "grid.py"):
        (tmp_path / name).write_text("z = 2\n")
        source_digest.cache_clear()
        digests.append(source_digest(tmp_path))
    assert digests[0] == digests[1] != digests[2]


def test_a_changed_library_changes_it(scan, monkeypatch):
    before = fingerprint({"image": str(scan)}, steps())
    monkeypatch.setattr(module, "_version", lambda library: f"{library} 99")
    assert fingerprint({"image": str(scan)}, steps()) != before


def test_other_keys_of_the_item_do_not_count(scan):
    keys = [fingerprint({"image": str(scan), "label": label}, steps()) for label in (0, 1)]
    assert keys[0] == keys[1]


def test_it_is_the_same_in_another_process(scan):
    code = (
        "from scripts.transforms import *; from scripts.transforms.fingerprint import fingerprint;"
        f"print(fingerprint({{'image': {str(scan)!r}}}, preprocessing(LungRegion(), (8, 9, 10)).transforms))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert other.stdout.strip() == fingerprint({"image": str(scan)}, steps())


def test_descriptions_tell_settings_apart_and_nothing_else():
    assert describe({"b": 1, "a": (2.0, None)}) == describe({"a": (2.0, None), "b": 1})
    assert describe(np.arange(3)) == describe(np.arange(3)) != describe(np.arange(3.0))
    assert describe(LungRegion(3.0)) == describe(LungRegion(3.0)) != describe(LungRegion(4.0))
    assert describe({1, 2}) == describe({2, 1})
    assert describe(Compose) == "monai.transforms.compose.Compose"


def test_what_is_declared_changes_it_and_a_label_does_not(scan):
    item = {"image": str(scan), "label": 1}
    declared = [
        {},
        {"window": [-500, 1500]},
        {"window": [-600, 1500]},
        {"slices": ["1.png"]},
        {"series": "3"},
    ]
    assert len({fingerprint({**item, **fields}, steps()) for fields in declared}) == 5
    assert fingerprint({**item, "label": 2}, steps()) == fingerprint(item, steps())


def test_a_replaced_zip_and_another_folder_in_it_change_it(tmp_path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"zip")
    before = fingerprint({"image": f"{archive}::CP/1"}, steps())
    other = fingerprint({"image": f"{archive}::CP/2"}, steps())
    archive.write_bytes(b"another zip")
    assert len({before, other, fingerprint({"image": f"{archive}::CP/1"}, steps())}) == 3


def test_code_in_a_room_within_a_room_counts(tmp_path):
    (tmp_path / "formats").mkdir()
    (tmp_path / "formats" / "nifti.py").write_text("a = 1")
    before = source_digest(tmp_path)
    source_digest.cache_clear()
    (tmp_path / "formats" / "nifti.py").write_text("a = 2")
    assert source_digest(tmp_path) != before
