"""All that is wrong in a datalist is named at once, before a scan is read."""

import json
from itertools import chain

import pytest

from scripts.datalists import class_names, fold_items, read_datalist
from scripts.errors import UserError
from scripts.scans import DECLARED_FIELDS, Declaration, RefusedScan

GRADES = ["none", "mild", "moderate", "severe"]


def item(patient="p", **more):
    return {"image": f"{patient}.nii.gz", "label": 0, "patient": patient, **more}


@pytest.fixture
def write(tmp_path):
    def build(content, encoding="utf-8"):
        path = tmp_path / "datalist.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding=encoding)
        return path

    return build


def complaint(path):
    with pytest.raises(UserError) as caught:
        read_datalist(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_labels_patients_and_folds_are_made_alike(write):
    items = [
        item("a", label=1.0, fold=0.0),
        {**item(), "patient": 0, "label": "MILD", "fold": None},
        {**item(), "patient": 17.0, "label": "2"},
        {**item(), "patient": " 17 ", "label": 3},
    ]
    read = read_datalist(write({"classes": GRADES, "test": items}), refuse_overlap=False)["test"]
    assert [(i["label"], i["patient"], i.get("fold", "-")) for i in read] == [
        (1, "a", 0),
        (1, "0", "-"),
        (2, "17", "-"),
        (3, "17", "-"),
    ]
    assert all(type(i["label"]) is int for i in read)


def test_a_patient_has_one_name_however_it_is_written(write):
    lists = {"training": [{**item(), "patient": 17}], "test": [{**item(), "patient": "17"}]}
    assert "patient 17 has scans in training and in test" in complaint(write(lists))


def test_further_fields_stay_as_they_are(write):
    known = {"window": [-600, 1500], "intensity": "Windowed", "age": 61, "my_field": {"any": [1]}}
    (read,) = read_datalist(write({"test": [item(**known)], "my_header": 1}))["test"]
    assert {key: read[key] for key in known} == known


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"label": True}, r"test\[0\] \(p.nii.gz\): label true; expected 0 non-pneumonia, 1 other"),
        ({"label": 1.5}, "label 1.5; expected 0"),
        ({"label": None}, "label null; expected 0"),
        ({"label": 3}, "label 3; expected 0"),
        ({"label": "covid"}, 'label "covid"; expected 0 .* label_mapping'),
        ({"patient": True}, "patient is 'True'; expected a name or a whole number"),
        ({"patient": ""}, "patient is ''; expected a name"),
        ({"patient": " "}, "patient is ' '; expected a name"),
        ({"patient": None}, "patient is 'None'; expected a name"),
        ({"patient": 1.5}, "patient is '1.5'; expected a name"),
        ({"image": ""}, "image is ''; expected a path"),
        ({"image": 4}, "image is '4'; expected a path"),
        ({"fold": -1}, "fold is '-1'; expected a whole number from 0"),
        ({"fold": True}, "fold is 'True'; expected a whole number"),
        ({"fold": 0.5}, "fold is '0.5'; expected a whole number"),
        ({"lobes": ["a"]}, r"lobes is \"\['a'\]\"; expected a path"),
        ({"age": "forty"}, "age is 'forty'; expected a number of years"),
        ({"age": True}, "age is 'True'; expected a number of years"),
        ({"spacing": [1, 1]}, r"spacing is '\[1, 1\]'; expected three numbers of mm"),
        ({"window": [-600, 1500]}, "window is given; expected none, unless intensity is windowed"),
        ({"orientation": "up"}, "orientation is 'up'; expected three letters"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(fields, message, write):
    with pytest.raises(UserError, match=message):
        read_datalist(write({"test": [item(**fields)]}))


def test_all_errors_are_named_at_once(write):
    lists = {
        "training": [item("a", label=True), "b.nii", item("c", spacing=1, fold="x")],
        "test": [{"image": "d.nii"}],
    }
    lines = complaint(write({"classes": ["one"], **lists})).splitlines()
    assert lines[0] == "7 kinds of errors:"
    assert [line.strip().partition(":")[0] for line in lines[1:]] == [
        'classes ["one"]; there is nothing to tell apart',
        "training[1]",
        "training[0] (a.nii.gz)",
        "training[2] (c.nii.gz)",
        "training[2] (c.nii.gz)",
        "test[0] (d.nii)",
        "test[0] (d.nii)",
    ]


def test_of_many_kinds_of_errors_the_first_are_shown_and_the_rest_counted(write):
    lines = complaint(write({"test": [item(str(k), label=k) for k in range(43)]})).splitlines()
    assert (lines[0], lines[-1].strip(), len(lines)) == ("40 kinds of errors:", "and 30 more", 12)


def test_the_same_error_of_many_scans_is_one_line(write):
    told = complaint(write({"test": [item(str(k), label=7) for k in range(43)]}))
    assert told.startswith("test[0] (0.nii.gz): label 7; expected 0") and told.endswith("(and 42 more)")
    assert "\n" not in told


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "not a datalist"),
        ("[" * 100_000, "not JSON"),
        ('{"seed": ' + "9" * 5000 + "}", "not JSON"),
        ({"test": [item(label=10**400)]}, "label 1000"),
        ({"test": [item(label="9" * 5000)]}, 'label "9999'),
        ({"training": {"a": 1}}, "training: "),
        ({"training": None}, "training: "),
        ({"classes": "COVID-19"}, 'classes "COVID-19"; expected a list of names'),
        ({"classes": ["a", "A"]}, "'a' and 'A' are too alike"),
    ],
)
def test_a_file_that_is_no_datalist_is_refused(content, message, write):
    assert message in complaint(write(content))


def test_a_byte_order_mark_is_read_over_and_another_encoding_is_refused(write):
    assert read_datalist(write({"test": [item()]}, "utf-8-sig"))["test"]
    assert "expected UTF-8" in complaint(write({"test": [item()]}, "utf-16"))


def test_an_item_and_a_declaration_have_one_schema(write):
    wrong = {"slices": "a", "series": True, "intensity": "grey", "spacing": 0, "orientation": "R"}
    wrong |= {"window": [0], "grey_range": [1, 0]}
    assert wrong.keys() == set(DECLARED_FIELDS)
    of_item = complaint(write({"test": [item(**wrong)]})).splitlines()[1:]
    with pytest.raises(RefusedScan) as caught:
        Declaration.of(wrong, "x")
    of_scan = str(caught.value).removeprefix("x: ").split("; ")
    expected = [line.partition("): ")[2].split("; ") for line in of_item]
    assert list(chain(*expected)) == of_scan and len(expected) == len(wrong)


def test_class_names_follow_the_file_then_the_default(write, tmp_path):
    assert class_names(tmp_path / "none.json", ["a", "b"]) == ["a", "b"]
    assert class_names(tmp_path / "none.json", {"0": "a", "1": "b"}) == ["a", "b"]
    assert class_names(write({"test": []}), ["a", "b"]) == ["a", "b"]
    path = write({"classes": GRADES})
    assert class_names(path, ["a", "b"]) == GRADES
    assert class_names(path, ["a", "b"], {"severe": "moderate"}) == GRADES[:3]


def test_class_names_refuse_a_file_that_is_there_and_wrong(write):
    with pytest.raises(UserError, match="not JSON"):
        class_names(write("{"), GRADES)


def test_a_fold_is_read_as_the_classes_that_its_network_has(write):
    training = [item(f"p{k}", label=k % 4, fold=k % 2) for k in range(16)]
    path = write({"classes": GRADES, "training": training, "validation": [item("v", label=3)]})
    mapping = {"mild": "none", "moderate": None}
    names = class_names(path, GRADES, mapping)
    parts = fold_items(path, 0, (), mapping, names)
    assert names == ["none", "severe"]
    assert [i["label"] for i in parts["report"]] == [0] * 4  # none; moderate is left out
    assert [i["label"] for i in parts["train"]] == [0, 1] * 4
    assert parts["select"][0]["label"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": [item()]}, "nothing reads the field 'train'; did you mean 'training'?"),
        (
            {"training": [item()], "val": [item()]},
            "nothing reads the field 'val'; did you mean 'validation'?",
        ),
        ({"Test": []}, "nothing reads the field 'Test'; did you mean 'test'?"),
        ({"class": ["a", "b"], "test": []}, "nothing reads the field 'class'; did you mean 'classes'?"),
        (
            {"data": {"one": [item()]}},
            "nothing reads the field 'data'; the lists are training, validation, test",
        ),
        ({"name": "mine"}, "no list of scans; expected one or more of training, validation, test"),
        ({"training": {"a": item()}}, 'training: {"a": {"image": '),
        ({"test": None}, "test: null; expected a list of scans"),
        ({"test": [item(), "b.nii", None]}, 'test[1]: "b.nii"; expected {"image": PATH, '),
        ({"test": [{**item(), "image": ["a", "b"]}]}, "test[0]: image is \"['a', 'b']\"; expected a path"),
        ({"test": [{**item(), "image": "a\0.nii"}]}, "expected a path relative to the datalist's folder"),
        ({"test": [{**item(), "image": "\ud800"}]}, "test[0] (\\ud800): image is "),
        ('{"test": [], "test": []}', "the field 'test' is there twice"),
    ],
)
def test_a_malformed_datalist_is_named_in_one_line(write, content, message):
    said = complaint(write(content))
    assert message in said and "\n" not in said and said.encode()


def test_fields_of_other_formats_are_no_lists(write):
    decathlon = {"numTraining": 1, "numTest": 0, "labels": {"0": "a", "1": "b"}, "modality": {"0": "CT"}}
    assert read_datalist(write({**decathlon, "test": [item()]}))["test"]
