import json

import pytest

from scripts.datalists import external_items
from scripts.errors import UserError


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
