import os
import sqlite3
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from scripts.audit import gathering as store_module
from scripts.audit.gathering import MeasurementStore, stamp
from scripts.audit.likeness import GRID, VARIANTS
from scripts.audit.measuring import Measurement
from scripts.errors import UserError

KNOWN = Measurement(
    header={"slices": 40.0},
    refusal=("mask", "labels"),
    flags=("one_lung",),
    content="abc",
    signature=np.arange(VARIANTS * np.prod(GRID)).astype(np.int8).reshape(VARIANTS, *GRID),
    slices={"missing": 2},
    masked_body=False,
    background={"noise": None},
)


@pytest.fixture
def scan(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"voxels")
    return {"image": str(tmp_path / "a.nii"), "label": 0}


def test_what_is_put_comes_back_and_nothing_else(tmp_path):
    with MeasurementStore(tmp_path / "s.sqlite") as store:
        store.put("one", KNOWN)
    with MeasurementStore(tmp_path / "s.sqlite") as store:
        found = store.get("one")
        assert store.get("two") is None
    assert found.as_plain() == KNOWN.as_plain() and found.refusal == KNOWN.refusal


def test_what_a_killed_audit_measured_is_there_after_a_second(tmp_path, monkeypatch):
    killed = MeasurementStore(tmp_path / "s.sqlite")
    for key, now in (("first", 100.0), ("second", 100.5), ("third", 101.5), ("fourth", 101.6)):
        monkeypatch.setattr(store_module.time, "monotonic", lambda now=now: now)
        killed.put(key, KNOWN)
    with MeasurementStore(tmp_path / "s.sqlite") as store:
        kept = [key for key in ("first", "second", "third", "fourth") if store.get(key)]
    killed.database.close()
    assert kept == ["first", "second", "third"]


def test_a_damaged_store_is_begun_anew(tmp_path):
    (tmp_path / "s.sqlite").write_bytes(b"no database" * 1000)
    with MeasurementStore(tmp_path / "s.sqlite") as store:
        assert store.get("one") is None


def test_a_store_that_another_audit_has_open_is_refused_and_stays(tmp_path, monkeypatch):
    path = tmp_path / "s.sqlite"
    with MeasurementStore(path) as store:
        store.put("one", KNOWN)
    monkeypatch.setattr(store_module.sqlite3, "connect", partial(sqlite3.connect, timeout=0.1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(
        UserError, match=r"s\.sqlite: cannot be used \(database is locked\); is another audit"
    ):
        MeasurementStore(path)
    other.execute("ROLLBACK")
    other.close()
    with MeasurementStore(path) as store:
        assert store.get("one") is not None


def test_a_measurement_with_a_flipped_byte_is_measured_again(tmp_path, caplog):
    path = tmp_path / "s.sqlite"
    with MeasurementStore(path) as store:
        store.put("one", KNOWN)
        store.put("two", KNOWN)
    content = path.read_bytes()
    place = content.index(b"one_lung")
    path.write_bytes(content[:place] + b"two" + content[place + 3 :])
    with MeasurementStore(path) as store:
        found = [store.get(key) for key in ("one", "two")]
    assert sum(known is None for known in found) == 1 and "measured again" in caplog.text


def test_a_store_is_shared_as_the_umask_says(tmp_path):
    before = os.umask(0o002)
    try:
        with MeasurementStore(tmp_path / "s.sqlite") as store:
            store.put("one", KNOWN)
    finally:
        os.umask(before)
    assert (tmp_path / "s.sqlite").stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize(
    "change",
    [
        {"slices": ["1.png"]}, {"series": "3"}, {"intensity": "windowed"}, {"window": [-500, 1500]},
        {"grey_range": [0, 4095]}, {"spacing": [1, 1, 2]}, {"orientation": "LPI"},
    ],
)  # fmt: skip
def test_whatever_is_declared_makes_another_measurement(change, scan):
    assert stamp(scan | change, headers_only=False) != stamp(scan, headers_only=False)


def test_a_file_that_changes_is_measured_anew_and_a_label_is_not(scan):
    before = stamp(scan, headers_only=False)
    assert stamp(scan | {"label": 1}, headers_only=False) == before != stamp(scan, headers_only=True)
    Path(scan["image"]).write_bytes(b"other voxels")
    assert stamp(scan, headers_only=False) != before
