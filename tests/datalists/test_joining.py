import json
import sys

import pytest

from scripts.datalists import SplitPlan, class_names, cross_validation_folds, read_datalist
from scripts.datalists.__main__ import main
from scripts.datalists.joining import join_datalists
from scripts.errors import UserError

TWO = ["non-pneumonia", "COVID-19"]
THREE = ["non-pneumonia", "other pneumonia", "COVID-19"]
PLAN = SplitPlan(folds=2)


@pytest.fixture
def datalist(tmp_path):
    """Write a datalist of so many scans of each class in a folder of its own; return its path."""

    def write(folder, counts, classes=THREE, source=None, patient="{}", **content):
        labels = [label for label, count in enumerate(counts) for _ in range(count)]
        items = [
            {"image": f"scans/{k}.nii.gz", "label": label, "patient": patient.format(k)}
            | ({"source": source} if source else {})
            for k, label in enumerate(labels)
        ]
        path = tmp_path / folder / "datalist.json"
        (path.parent / "scans").mkdir(parents=True)
        for item in items:
            (path.parent / item["image"]).write_text(folder + item["image"])
        path.write_text(json.dumps({"name": folder, "classes": classes, "training": items, **content}))
        return path

    return write


def scans(path):
    return [item for items in read_datalist(path).values() for item in items]


def counts(path):
    names = class_names(path)
    return {name: sum(item["label"] == label for item in scans(path)) for label, name in enumerate(names)}


def test_sets_without_other_pneumonia_make_two_classes_together(datalist, tmp_path):
    a, b = datalist("mosmed", (6, 0, 9)), datalist("ictcf", (8, 7), TWO)
    join_datalists([a, b], tmp_path / "d.json", PLAN, classes=TWO)
    assert counts(tmp_path / "d.json") == {"non-pneumonia": 14, "COVID-19": 16}
    assert cross_validation_folds(tmp_path / "d.json") == [0, 1]


def test_or_three_with_a_set_that_has_the_third(datalist, tmp_path):
    a, b = datalist("mosmed", (6, 8), TWO), datalist("cc_ccii", (5, 6, 7))
    content = join_datalists([a, b], tmp_path / "d.json", PLAN)
    assert content["classes"] == THREE
    assert counts(tmp_path / "d.json") == {"non-pneumonia": 11, "other pneumonia": 6, "COVID-19": 15}


def test_patients_of_two_sources_are_two_people_whatever_they_are_called(datalist, tmp_path):
    a, b = datalist("a", (6, 6), TWO, source="here"), datalist("b", (6, 6), TWO)
    join_datalists([a, b], tmp_path / "d.json", PLAN)
    patients = {item["patient"] for item in scans(tmp_path / "d.json")}
    assert patients == {f"{source}-{k}" for source in ("here", "b") for k in range(12)}


def test_built_names_of_patients_stay(datalist, tmp_path):
    a = datalist("a", (6, 6), TWO, source="mosmed", patient="mosmed-{}")
    b = datalist("b", (6, 6), TWO)
    join_datalists([a, b], tmp_path / "d.json", PLAN)
    assert "mosmed-3" in {item["patient"] for item in scans(tmp_path / "d.json")}


def test_patients_of_one_name_in_one_source_are_asked_about(datalist, tmp_path):
    a, b = (datalist(name, (6, 6), TWO, source="hospital") for name in "ab")
    with pytest.raises(
        UserError, match=r"both have patients hospital-0, .*12 of one source.*--same_patients"
    ):
        join_datalists([a, b], tmp_path / "d.json", PLAN)
    join_datalists([a, b], tmp_path / "same.json", PLAN, same_patients=True)
    assert len({item["patient"] for item in scans(tmp_path / "same.json")}) == 12
    join_datalists([a, b], tmp_path / "two.json", PLAN, sources=["north", "south"])
    assert len({item["patient"] for item in scans(tmp_path / "two.json")}) == 24
    assert {item["source"] for item in scans(tmp_path / "two.json")} == {"north", "south"}


def test_the_same_patient_under_two_classes_is_refused(datalist, tmp_path):
    a, b = (datalist(name, sizes, TWO, source="s") for name, sizes in (("a", (6, 6)), ("b", (7, 5))))
    with pytest.raises(UserError, match=r"1 patients are under two classes: s-6 \(0, 1\)"):
        join_datalists([a, b], tmp_path / "d.json", PLAN, same_patients=True)


def test_a_scan_in_both_is_refused(datalist, tmp_path):
    a = datalist("a", (6, 6), TWO)
    with pytest.raises(UserError, match=r"12 scans are named twice: .*a/scans/0\.nii\.gz"):
        join_datalists([a, a], tmp_path / "d.json", PLAN, sources=["a", "b"])


def test_classes_are_joined_by_name_not_by_number(datalist, tmp_path):
    a = datalist("a", (6, 7), TWO)
    b = datalist("b", (5, 8), ["COVID-19", "non-pneumonia"])
    with pytest.raises(
        UserError, match=r"b/datalist\.json: its classes are COVID-19, non-pneumonia, another"
    ):
        join_datalists([a, b], tmp_path / "d.json", PLAN)
    join_datalists([a, b], tmp_path / "d.json", PLAN, classes=TWO)
    assert counts(tmp_path / "d.json") == {"non-pneumonia": 14, "COVID-19": 12}


def test_a_mapping_says_what_one_set_calls_otherwise(datalist, tmp_path):
    a, b = datalist("a", (6, 7), TWO), datalist("b", (5, 4, 3), ["healthy", "cancer", "COVID-19"])
    mapping = {"healthy": "non-pneumonia", "cancer": None}
    join_datalists([a, b], tmp_path / "d.json", PLAN, label_mapping=mapping)
    assert counts(tmp_path / "d.json") == {"non-pneumonia": 11, "COVID-19": 10}
    for wrong, message in (({"flu": None}, "'flu'; the datalists have"), ({0: None}, "give the names")):
        with pytest.raises(UserError, match=message):
            join_datalists([a, b], tmp_path / "e.json", PLAN, label_mapping=wrong)


def test_each_source_is_in_every_list_in_proportion(datalist, tmp_path):
    a, b = datalist("a", (20, 20), TWO), datalist("b", (10, 10), TWO)
    lists = join_datalists([a, b], tmp_path / "d.json", SplitPlan(0.1, 0.4, folds=2))
    assert sum(item["source"] == "a" for item in lists["test"]) == 16
    assert sum(item["source"] == "b" for item in lists["test"]) == 8


def test_the_lists_that_are_there_are_kept_when_asked(datalist, tmp_path):
    test = [{"image": "scans/0.nii.gz", "label": 1, "patient": "kept"}]
    a = datalist("a", (6, 6), TWO)
    b = datalist("b", (0, 0), TWO, test=test)
    (b.parent / "scans/0.nii.gz").write_text("b")
    content = join_datalists([a, b], tmp_path / "d.json", SplitPlan(folds=2, keep_published=True))
    assert [item["patient"] for item in content["test"]] == ["b-kept"]


def test_meanings_notes_and_what_was_left_out_come_along(datalist, tmp_path):
    facts = {
        "label_meaning": {"s": {"0": "well", "1": "ill"}},
        "notes": ["said"],
        "left_out": {"odd": {"count": 1, "first": ["x"]}},
    }
    a = datalist("a", (6, 6), ["non-pneumonia", "other pneumonia"], source="s", **facts)
    b = datalist("b", (6, 6), TWO)
    content = join_datalists(
        [a, b], tmp_path / "d.json", PLAN, classes=["non-pneumonia", "COVID-19", "other pneumonia"]
    )
    assert content["label_meaning"] == {"s": {"0": "well", "2": "ill"}}
    assert content["notes"] == ["said"] and list(content["left_out"]) == ["odd (a)"]
    assert [part["name"] for part in content["joined"]] == ["a", "b"]


def test_one_datalist_or_names_that_do_not_match_are_refused(datalist, tmp_path):
    a = datalist("a", (6, 6), TWO)
    with pytest.raises(UserError, match="two datalists or more"):
        join_datalists([a], tmp_path / "d.json")
    with pytest.raises(UserError, match="--sources has 1 names for 2"):
        join_datalists([a, a], tmp_path / "d.json", sources=["x"])


def test_the_command_tells_of_each_source_and_audits_the_whole(datalist, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main replaces it; put it back
    monkeypatch.setattr(sys, "argv", sys.argv)
    a, b = datalist("a", (6, 6), TWO), datalist("b", (6, 0), TWO)
    (b.parent / "scans/5.nii.gz").unlink()
    (b.parent / "scans/5.nii.gz").symlink_to(a.parent / "scans/11.nii.gz")  # another name of a's scan
    output = tmp_path / "whole" / "datalist.json"
    with pytest.raises(SystemExit):
        main(["join", str(a), str(b), "--output", str(output), "--folds", "2"])
    shown = capsys.readouterr().out
    assert (
        "source a: 6 non-pneumonia, 6 COVID-19" in shown and "source b: 6 non-pneumonia, 0 COVID-19" in shown
    )
    assert "label_conflict" in shown
    assert json.loads((output.parent / "audit.json").read_text())["scans"] == 18
