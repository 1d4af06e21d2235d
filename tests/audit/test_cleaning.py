import json
import sys

import numpy as np
import pytest
from audited import items, load, phantom_items, save, write_datalist

from scripts.audit import audit_datalist, enforce_audit
from scripts.audit.cleaning import clean_datalist, main, scans_to_remove
from scripts.audit.measuring import Measurement
from scripts.datalists import read_datalist
from scripts.errors import UserError


@pytest.fixture
def some(tmp_path):
    """Return items of three classes whose files are there, and their measurements; a test changes both."""

    def make(count):
        own = items(count)
        for item in own:
            item["image"] = item["key"] = str(tmp_path / item["name"])
            (tmp_path / item["name"]).write_text(item["name"])
        return own, {item["key"]: Measurement(content=item["name"]) for item in own}

    return make


def test_sound_scans_stay(some):
    assert scans_to_remove(*some(6), audit=True) == {}


def test_what_the_reader_refuses_goes_with_its_reason(some):
    own, measured = some(4)
    measured[own[1]["key"]] = Measurement(refusal=("mask", "labels, not a CT"))
    own[2]["window"], own[2]["intensity"] = (40, 400), "windowed"
    own[3]["intensity"] = "windowed"
    found = scans_to_remove(own, measured)
    assert list(found) == [1, 2, 3]
    assert found[1] == ("readable", "[mask] labels, not a CT")
    assert "window_too_narrow" in found[2][1] and "window is not given" in found[3][1]
    assert list(scans_to_remove(own, measured, window=(40, 300))) == [1, 3]


def test_stacks_that_are_not_whole_go_with_the_audit_only(some):
    own, measured = some(4)
    measured[own[0]["key"]] = Measurement(slices={"repeated": 2, "missing": 0})
    measured[own[3]["key"]] = Measurement(flags=("upside_down",))
    assert scans_to_remove(own, measured) == {}
    assert scans_to_remove(own, measured, audit=True) == {
        0: ("slices", "2 slices repeated"),
        3: ("slices", "its slices run upside down"),
    }


def test_of_two_labels_none_is_believed(some):
    own, measured = some(6)
    own[3]["patient"] = own[1]["patient"]  # labels 0 and 1
    measured[own[4]["key"]] = measured[own[5]["key"]]  # labels 1 and 2, one content
    found = scans_to_remove(own, measured, audit=True)
    assert {index: check for index, (check, _) in found.items()} == dict.fromkeys(
        (1, 3, 4, 5), "label_conflict"
    )


def test_of_copies_the_reported_one_stays(some):
    own, measured = some(7)
    own[0]["place"], own[6]["place"] = "training fold 0", "test"  # both of class 0
    measured[own[0]["key"]] = measured[own[3]["key"]] = measured[own[6]["key"]]
    found = scans_to_remove(own, measured, audit=True)
    assert {index: check for index, (check, _) in found.items()} == dict.fromkeys((0, 3), "identical_scans")
    assert found[0][1] == "the same as 6.nii.gz of patient p006 in test"


def test_a_patient_stays_where_he_is_reported_else_where_most_scans_are(some):
    own, measured = some(9)
    for index in (0, 3, 6):
        own[index]["patient"] = "p"
    for index, place in ((0, "training fold 1"), (3, "validation"), (6, "training fold 1")):
        own[index]["place"] = place
    assert list(scans_to_remove(own, measured, audit=True)) == [0, 6]
    own[3]["place"] = "training fold 2"
    assert list(scans_to_remove(own, measured, audit=True)) == [3]


def test_near_copies_of_two_patients_go_and_two_kernels_of_one_stay(some):
    own, measured = some(7)
    random = np.random.default_rng(0)
    noise = random.integers(-60, 60, (7, 1, 24, 20, 32)).repeat(3, 1).astype(np.int8)
    for other, same in ((3, 0), (4, 1), (5, 2)):
        noise[other] = noise[same]
    own[4]["patient"], own[4]["place"] = own[1]["patient"], own[1]["place"]
    own[5]["label"] = 0
    for index, item in enumerate(own):
        measured[item["key"]] = Measurement(content=item["name"], signature=noise[index])
    found = scans_to_remove(own, measured, audit=True)
    assert found[3][0] == "near_identical_scans" and found[2][0] == found[5][0] == "label_conflict"
    assert list(found) == [2, 3, 5]


@pytest.fixture(scope="module")
def planted(phantoms, tmp_path_factory):
    """A datalist of phantoms with a junk file, a missing one and a copy under another name."""
    folder = tmp_path_factory.mktemp("planted")
    good = phantom_items(phantoms)[:6]
    voxels, affine = load(good[0]["image"])
    copy = {
        **good[0],
        "image": str(save(voxels, affine, folder / "copy.nii.gz")),
        "patient": "stranger",
        "fold": 9,
    }
    (folder / "junk.nii.gz").write_bytes(b"no scan at all")
    junk = {**good[1], "image": "junk.nii.gz", "patient": "junk"}
    gone = {**good[1], "image": "gone.nii.gz", "patient": "gone"}
    return write_datalist(folder, [*good, junk, gone], test=[copy])


def copied(planted, tmp_path):
    target = tmp_path / "datalist.json"
    content = json.loads(planted.read_text())
    for name in ("training", "test"):
        for item in content[name]:
            item["image"] = str(planted.parent / item["image"])
    target.write_text(json.dumps(content))
    return target


def test_the_list_is_written_without_them_and_the_old_one_is_kept(planted, tmp_path):
    datalist = copied(planted, tmp_path)
    before = datalist.read_bytes()
    removed = clean_datalist(datalist, audit=True, workers=1)
    assert [(item["patient"], item["check"]) for item in removed] == [
        (json.loads(before)["training"][0]["patient"], "identical_scans"),
        ("junk", "readable"),
        ("gone", "readable"),
    ]
    content = json.loads(datalist.read_text())
    assert content["removed"] == removed and len(content["training"]) == 5 and len(content["test"]) == 1
    assert (tmp_path / "datalist.before_cleaning.json").read_bytes() == before
    assert enforce_audit(datalist)["audited"] and not enforce_audit(datalist)["hard_errors"]
    assert len(read_datalist(datalist)["training"]) == 5
    assert clean_datalist(datalist, audit=True, workers=1) == []


def test_the_command_prints_a_line_for_each_and_writes_elsewhere_when_told(
    planted, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main replaces it; put it back
    datalist = copied(planted, tmp_path)
    before = datalist.read_bytes()
    main([str(datalist), "--output", str(tmp_path / "clean.json"), "--workers", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert (
        len(lines) == 3 and "junk.nii.gz: readable: [" in lines[0] and lines[2].startswith("2 scans removed")
    )
    assert (
        datalist.read_bytes() == before
        and len(json.loads((tmp_path / "clean.json").read_text())["removed"]) == 2
    )


def test_a_list_of_which_nothing_would_be_left_is_refused(tmp_path):
    rows = [
        {"image": f"{k}.png", "label": k % 2, "patient": f"p{k}", "intensity": "windowed"} for k in range(4)
    ]
    with pytest.raises(UserError, match=r"nothing would be left of 4 scans; 4 of them: readable: \["):
        clean_datalist(write_datalist(tmp_path, rows), workers=1)


def test_an_earlier_audit_is_not_measured_again(planted, tmp_path, monkeypatch):
    datalist = copied(planted, tmp_path)
    audit_datalist(datalist, workers=1, store=tmp_path / "audit.sqlite")
    monkeypatch.setattr("scripts.audit.gathering.measure_scan", None)
    assert len(clean_datalist(datalist, workers=1)) == 2
