import json

import pytest

from scripts.datalists import cross_validation_folds, fold_items
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
