import ast
import json
import re
from pathlib import Path

import pytest

from scripts import bundle_root
from scripts.datalists import cross_validation_folds, external_items, fold_items
from scripts.errors import UserError


@pytest.fixture
def write(tmp_path):
    """Write a datalist of two folds with every class, after a change to its content."""

    def build(change=lambda content: None):
        training = [
            {"image": f"{fold}{label}{n}.nii", "label": label, "patient": f"{fold}{label}{n}", "fold": fold}
            for fold in (0, 1)
            for label in (0, 1, 2)
            for n in range(2)
        ]
        lists = {
            name: [
                {"image": f"{name}{label}.nii", "label": label, "patient": f"{name}{label}"}
                for label in range(3)
            ]
            for name in ("validation", "test")
        }
        content = {"training": training, **lists}
        change(content)
        path = tmp_path / "datalist.json"
        path.write_text(json.dumps(content))
        return path

    return build


def test_a_sound_datalist_gives_its_folds(write):
    assert cross_validation_folds(write()) == [0, 1]


def patient_in_two_folds(content):
    content["training"][0]["patient"] = content["training"][-1]["patient"]


def patient_in_training_and_test(content):
    content["test"][0]["patient"] = content["training"][0]["patient"]


def validation_is_test(content):
    content["validation"] = content["test"]


def validation_is_test_under_other_patient_names(content):
    content["validation"] = [{**item, "patient": "other " + item["patient"]} for item in content["test"]]


def class_missing_from_a_fold(content):
    content["training"] = [item for item in content["training"] if (item["fold"], item["label"]) != (1, 2)]


def one_fold(content):
    content["training"] = [item for item in content["training"] if item["fold"] == 0]


def no_fold(content):
    del content["training"][3]["fold"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (patient_in_two_folds, "patient 121 has scans in training fold 0 and in training fold 1"),
        (patient_in_training_and_test, "patient 000 has scans in training fold 0 and in test"),
        (validation_is_test, "patient test0 has scans in validation and in test"),
        (validation_is_test_under_other_patient_names, "test0.nii is listed in validation and again in test"),
        (class_missing_from_a_fold, "fold 1 has 4 scans, none of them of class 'COVID-19'"),
        (one_fold, r"has the folds \[0\]; cross-validation needs two"),
        (no_fold, "011.nii of training has no 'fold'"),
    ],
)
def test_a_datalist_that_would_flatter_is_refused(fault, message, write):
    with pytest.raises(UserError, match=message):
        cross_validation_folds(write(fault))


def test_without_a_validation_list_a_part_of_the_training_folds_selects(write):
    def grow(content):
        del content["validation"]
        content["training"] = [
            {**item, "image": f"{copy}{item['image']}", "patient": f"{copy}{item['patient']}"}
            for item in content["training"]
            for copy in range(12)
        ]

    path = write(grow)
    parts = fold_items(path, fold=1)
    names = {part: {item["patient"] for item in items} for part, items in parts.items()}
    assert {item["fold"] for item in parts["train"] + parts["select"]} == {0}
    assert {item["fold"] for item in parts["report"]} == {1}
    assert not names["train"] & names["select"] and not names["report"] & names["select"]
    assert {item["label"] for item in parts["select"]} == {0, 1, 2}
    assert 0.05 < len(parts["select"]) / (len(parts["train"]) + len(parts["select"])) < 0.15
    assert parts == fold_items(path, fold=1)


@pytest.fixture
def path(tmp_path):
    rows = [("a.nii", "CT-0"), ("b.nii", "CT-2"), ("c.nii", 4)]
    items = [{"image": name, "label": label, "patient": name} for name, label in rows]
    (tmp_path / "datalist.json").write_text(json.dumps({"training": items[:1], "test": items[1:]}))
    return tmp_path / "datalist.json"


def test_all_lists_are_reported_on_with_our_labels(path):
    parts = external_items(path, {"CT-0": 0, "CT-2": 2, "4": 2})
    assert [(item["name"], item["label"]) for item in parts["report"]] == [
        ("a.nii", 0),
        ("b.nii", 2),
        ("c.nii", 2),
    ]
    assert parts["train"] == parts["select"] == [] and parts["test"] == parts["report"]


def test_a_label_that_is_mapped_to_none_is_left_out(path):
    assert [item["name"] for item in external_items(path, {"CT-0": None, "CT-2": 2, 4: None})["report"]] == [
        "b.nii"
    ]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"CT-0": 0, "CT-2": 2}, r"test\[1\] \(c.nii\): label 4 means none of the classes non-pneumonia"),
        ({"CT-0": 0, "CT-2": 2, "4": 7}, "gives '4' the class 7; expected 0 non-pneumonia"),
        (None, r'label "CT-0"; expected 0 non-pneumonia'),
        ({"CT-0": None, "CT-2": None, "4": None}, "no scan is left"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(mapping, message, path):
    with pytest.raises(UserError, match=message):
        external_items(path, mapping)


def test_a_file_that_numbers_its_classes_otherwise_is_read_by_their_names(tmp_path):
    items = [{"image": f"{k}.nii", "label": k, "patient": k} for k in range(2)]
    path = tmp_path / "datalist.json"
    path.write_text(json.dumps({"classes": ["covid-19", "healthy"], "training": items}))
    parts = external_items(path, None, ["healthy", "COVID-19"])
    assert [item["label"] for item in parts["report"]] == [1, 0]
    with pytest.raises(UserError, match="means none of the classes non-pneumonia, other pneumonia, COVID-19"):
        external_items(path)  # and never by their numbers


def test_the_documented_mapping_fits_the_datalist_that_it_is_for(tmp_path):
    page = Path(bundle_root(), "docs/cross_validation.md").read_text()
    mapping = ast.literal_eval(re.search(r'--label_mapping "(.*)"', page)[1])
    items = [{"image": f"{k}.nii", "label": k, "patient": k} for k in range(len(mapping))]
    path = tmp_path / "datalist.json"
    path.write_text(json.dumps({"classes": list(mapping), "test": items}))
    assert [item["label"] for item in external_items(path, mapping)["report"]] == [0, 1]
