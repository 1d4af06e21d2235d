import json
import sys

import pytest

from scripts.datalists import class_names, read_datalist
from scripts.datalists.__main__ import main
from scripts.errors import UserError


@pytest.fixture(autouse=True)
def hook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main replaces it; put it back


def test_the_command_tells_what_is_in_the_lists_and_what_is_not(grow, tmp_path, capsys):
    root = grow(
        *(f"studies/CT-{k % 2}/study_{k}.nii.gz" for k in range(40)), *(f"studies/{k}.txt" for k in range(7))
    )
    output = tmp_path / "datalist.json"
    arguments = [
        "--output",
        str(output),
        "--folds",
        "2",
        "--test",
        "0.25",
        "--validation",
        "0",
        "--seed",
        "1",
    ]
    main(["build", "mosmed", str(root), *arguments])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "training: 30 scans of 30 patients (15 non-pneumonia, 0 other pneumonia, 15 COVID-19)"
    assert lines[2] == "test: 10 scans of 10 patients (5 non-pneumonia, 0 other pneumonia, 5 COVID-19)"
    assert lines[3] == (
        "left out: 7 not in a folder CT-0 .. CT-4: studies/0.txt, studies/1.txt, studies/2.txt, "
        "studies/3.txt, studies/4.txt, ..."
    )
    assert lines[-1] == str(output) and output.is_file()


def test_help_lists_every_layout(capsys):
    with pytest.raises(SystemExit):
        main(["build", "--help"])
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in ("cc_ccii", "table", "dicom_tree", "stoic2021"))


@pytest.fixture
def build(tmp_path):
    """Build a datalist of two folds; return its path."""

    def run(*arguments):
        output = tmp_path / "datalist.json"
        main(["build", *map(str, arguments), "--output", str(output), "--folds", "2", "--test", "0.25"])
        return output

    return run


def counts(path):
    """Return how many scans each class has, by name."""
    items = [item for items in read_datalist(path).values() for item in items]
    return {
        name: sum(item["label"] == label for item in items) for label, name in enumerate(class_names(path))
    }


TWO = ["--classes", "non-pneumonia", "COVID-19"]


def mosmed(grow, table):
    return ["mosmed", grow(*(f"studies/CT-{k % 3}/study_{k}.nii.gz" for k in range(60)))], (20, 40)


def ictcf(grow, table):
    rows = [f"Patient {k},{'Control' if k % 2 else 'Mild'}" for k in range(40)]
    root = grow(*(f"Patient {k}/CT/1.jpg" for k in range(40)))
    return ["ictcf", root, "--csv", table("Patient,Morbidity outcome", *rows)], (20, 20)


def cov19_ct_db(grow, table):
    names = (f"train/{'covid' if k % 2 else 'non-covid'}/ct_scan_{k}/0.jpg" for k in range(40))
    return ["cov19_ct_db", grow(*names), "--negatives_are", "0"], (20, 20)


def stoic2021(grow, table):
    rows = [f"{k},{k % 2},0" for k in range(40)]
    root = grow(*(f"data/mha/{k}.mha" for k in range(40)))
    return [
        "stoic2021",
        root,
        "--negatives_are",
        "0",
        "--csv",
        table("PatientID,probCOVID,probSevere", *rows),
    ], (
        20,
        20,
    )


@pytest.mark.parametrize("layout", [mosmed, ictcf, cov19_ct_db, stoic2021])
def test_public_data_without_other_pneumonia_is_built_with_two_classes(layout, grow, table, build):
    arguments, expected = layout(grow, table)
    path = build(*arguments, *TWO)
    assert counts(path) == dict(zip(TWO[1:], expected, strict=True))
    (meaning,) = json.loads(path.read_text())["label_meaning"].values()
    assert set(meaning) == {"0", "1"} and "COVID" in meaning["1"]


def cc_ccii(grow, per_class=16):
    names = (f"{group}/{group}{k}/0/0.png" for group in ("Normal", "CP", "NCP") for k in range(per_class))
    return ["cc_ccii", grow(*names)]


def test_classes_are_merged_by_name_and_their_meanings_with_them(grow, build):
    mapping = "{'non-pneumonia': 'not COVID-19', 'other pneumonia': 'not COVID-19'}"
    path = build(*cc_ccii(grow), "--label_mapping", mapping)
    assert counts(path) == {"not COVID-19": 32, "COVID-19": 16}
    meaning = json.loads(path.read_text())["label_meaning"]["cc_ccii"]
    assert "Normal" in meaning["0"] and "CP" in meaning["0"] and "NCP" in meaning["1"]


@pytest.mark.parametrize("nothing", ["None", "null"])
def test_a_class_is_left_out_when_told_so_and_counted(nothing, grow, build):
    path = build(*cc_ccii(grow), "--label_mapping", f'{{"other pneumonia": {nothing}}}')
    assert counts(path) == {"non-pneumonia": 16, "COVID-19": 16}
    left_out = json.loads(path.read_text())["left_out"]
    assert left_out["left out by --label_mapping"]["count"] == 16


def test_a_class_that_nobody_mentions_is_not_left_out_in_silence(grow, build):
    with pytest.raises(UserError, match=r"CP/.*: label 1 \('other pneumonia'\) means none of the classes"):
        build(*cc_ccii(grow), *TWO)


def test_merged_classes_do_not_part_a_patient(grow, build):
    extra = ["Normal/same/0/0.png", "CP/same/1/0.png"]
    root = cc_ccii(grow)[1]
    grow(*extra)
    with pytest.raises(UserError, match="1 patients are under two classes"):
        build("cc_ccii", root)
    build("cc_ccii", root, "--label_mapping", "{'other pneumonia': 'non-pneumonia'}")


GRADES = ["none", "mild", "moderate", "severe"]


def graded(grow, table, labels):
    """Return a table of scans with these labels, twelve times over."""
    rows = [f"{k}.nii,{label},{k}" for k, label in enumerate(12 * labels)]
    root = grow(*(f"{k}.nii" for k in range(len(rows))))
    return ["table", root, "--csv", table("path,label,patient", *rows), "--classes", *GRADES]


def test_a_table_s_labels_are_the_names_or_numbers_of_any_classes(grow, table, build):
    path = build(*graded(grow, table, [*GRADES, "3", "2.0", "Mild"]))
    assert counts(path) == {"none": 12, "mild": 24, "moderate": 24, "severe": 24}


def test_a_table_s_labels_lead_to_classes_by_a_mapping_and_numbers_then_too(grow, table, build):
    arguments = graded(grow, table, [*GRADES, "dead", "9"])
    mapping = "{'dead': None, 9: 'severe'}"
    path = build(*arguments, "--label_mapping", mapping)
    assert counts(path) == {"none": 12, "mild": 12, "moderate": 12, "severe": 24}
    assert json.loads(path.read_text())["left_out"]["label dead, left out by --label_mapping"]["count"] == 12
    with pytest.raises(UserError, match='line 7: label "9" means none of the classes'):
        build(*arguments, "--label_mapping", "{'dead': None}")


@pytest.mark.parametrize("text", ["covid", "{", "[1]", "{'a': f()}"])
def test_a_mapping_that_cannot_be_read_is_refused(text, grow, build, capsys):
    with pytest.raises(SystemExit):
        build(*cc_ccii(grow), "--label_mapping", text)
    assert "expected {LABEL: NAME, ...}" in capsys.readouterr().err


def test_one_class_and_twice_the_same_are_refused(grow, build):
    for names, message in ((["COVID-19"], "name two or more"), (["a", "A"], "too alike")):
        with pytest.raises(UserError, match=message):
            build(*cc_ccii(grow), "--classes", *names)


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        (["--test", "0.4"], (30, 6, 24)),
        (["--test", "1"], (0, 0, 60)),
        (["--test_per_class", "10", "--validation_per_class", "2", "--folds", "3"], (36, 4, 20)),
        (["--random_folds", "--test", "0", "--validation", "0"], (60, 0, 0)),
        (["--folds", "0", "--test", "0.5", "--validation", "0.5"], None),
    ],
)
def test_the_command_parts_scans_as_it_is_told(options, sizes, grow, tmp_path):
    root = grow(*(f"studies/CT-{k % 2}/study_{k}.nii.gz" for k in range(60)))
    arguments = ["build", "mosmed", str(root), "--output", str(tmp_path / "d.json"), *TWO, *options]
    if sizes is None:
        with pytest.raises(UserError, match="leave no scans to train on"):
            main(arguments)
    else:
        main(arguments)
        assert tuple(len(items) for items in read_datalist(tmp_path / "d.json").values()) == sizes


def test_a_share_and_a_number_of_one_list_are_not_both_taken(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["build", "mosmed", "ROOT", "--output", "d.json", "--test", "0.4", "--test_per_class", "3"])
    assert "not allowed with" in capsys.readouterr().err


def test_what_no_training_would_take_is_said_once_at_build(grow, build, capsys):
    arguments = cov19_ct_db(grow, None)[0]
    build(*arguments)
    shown = capsys.readouterr().out
    assert "note: 40 of 40 scans are grey levels of a display window that nobody stated" in shown
    assert "note: no scan of class 'other pneumonia'" in shown
    assert "--classes 'non-pneumonia' 'COVID-19'" in shown
    build(*arguments, *TWO, "--window", "-500", "1500", "--overwrite")
    shown = capsys.readouterr().out
    assert "grey levels" not in shown and "no scan of class" not in shown


def test_a_mapping_may_use_the_release_s_own_words(grow, table, build):
    """MosMedData's grades make a task of severity, which its two classes cannot."""
    arguments = mosmed(grow, table)[0]
    mapping = "{'CT-0': 'none', 'CT-1': 'mild', 'CT-2': 'severe'}"
    path = build(*arguments, "--classes", "none", "mild", "severe", "--label_mapping", mapping)
    assert counts(path) == {"none": 20, "mild": 20, "severe": 20}
    content = json.loads(path.read_text())
    assert content["label_meaning"]["mosmed"]["1"].startswith("CT-1: ")
    assert not any("released_as" in item for item in content["training"])


def test_a_mapping_of_what_a_release_does_not_have_is_refused(grow, table, build):
    with pytest.raises(UserError, match="label_mapping has the label 'ct-9'"):
        build(*mosmed(grow, table)[0], "--label_mapping", "{'CT-9': None}")
