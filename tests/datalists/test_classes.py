"""Labels are read as classes by name; no scan changes its class, or is left out, unless somebody said so."""

import pytest

from scripts.datalists import CLASSES, ClassLabels
from scripts.errors import UserError

GRADES = ["none", "mild", "moderate", "severe"]
PAPER = list(CLASSES)


def read(labels, values):
    return [labels.index(value) for value in values]


@pytest.mark.parametrize("one", [1, 1.0, "1", "1.0", " 1 ", "mild", "MILD", " mild "])
def test_one_class_has_many_spellings(one):
    assert ClassLabels(GRADES).index(one) == 1


@pytest.mark.parametrize(
    "label", [True, False, None, 1.5, "", " ", [], [1], {"mild": 1}, float("nan"), 4, -1, "4"]
)
def test_what_is_no_label_is_refused_with_what_was_expected(label):
    with pytest.raises(ValueError, match="expected 0 none, 1 mild, 2 moderate or 3 severe"):
        ClassLabels(GRADES).index(label)


def test_without_names_the_default_classes_are_counted():
    labels = ClassLabels()
    assert labels.names == PAPER
    assert read(labels, [0, 2, "covid-19"]) == [0, 2, 2]


def test_labels_are_read_as_the_classes_that_are_asked_for_by_name_and_not_by_number():
    labels = ClassLabels(["COVID-19", "healthy"], ["healthy", "COVID-19"])
    assert read(labels, [0, 1, "healthy"]) == [1, 0, 0]


@pytest.mark.parametrize(
    ("mapping", "names", "found"),
    [
        ({"mild": "none"}, ["none", "moderate", "severe"], [0, 0, 1, 2]),
        ({1: None}, ["none", "moderate", "severe"], [0, None, 1, 2]),
        ({"1": "ill", "moderate": "ill", 3.0: "ill"}, ["none", "ill"], [0, 1, 1, 1]),
        ({"Severe": "none", "none": "severe"}, ["severe", "mild", "moderate", "none"], [0, 1, 2, 3]),
        ({"none": None, "mild": None}, ["moderate", "severe"], [None, None, 0, 1]),
    ],
)
def test_a_mapping_merges_renames_and_leaves_out_in_the_order_of_the_file(mapping, names, found):
    labels = ClassLabels(GRADES, label_mapping=mapping)
    assert labels.names == names
    assert read(labels, range(4)) == read(labels, GRADES) == found


def test_the_classes_that_follow_from_a_mapping_read_it_the_same_when_they_are_asked_for():
    mapping = {"mild": "ill", "moderate": "ill", "severe": None}
    follows = ClassLabels(GRADES, label_mapping=mapping)
    asked = ClassLabels(GRADES, follows.names, mapping)
    assert asked.names == follows.names
    assert read(asked, range(4)) == read(follows, range(4)) == [0, 1, 1, None]


def test_labels_from_elsewhere_lead_to_classes_by_name_or_number():
    labels = ClassLabels(None, PAPER, {"CT-0": 0, "CT-1": "covid-19", 4: 2, "x": None})
    assert read(labels, ["CT-0", "ct-1", 4, "4", "x", "COVID-19"]) == [0, 2, 2, 2, None, 2]
    with pytest.raises(
        ValueError, match=r"label 1 means none of the classes non-pneumonia, .* with label_mapping"
    ):
        labels.index(1)  # which may be anything elsewhere


def test_a_class_that_is_not_asked_for_is_not_left_out_in_silence():
    labels = ClassLabels(PAPER, ["non-pneumonia", "COVID-19"])
    assert read(labels, [0, 2]) == [0, 1]
    with pytest.raises(ValueError, match=r"label 1 \('other pneumonia'\) means none of .* map it to null"):
        labels.index(1)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("COVID-19", "expected a list of names"),
        (3, "expected a list of names"),
        ([], "name two or more"),
        (["COVID-19"], "name two or more"),
        ([0, 1, 2], "expected a list of names"),
        (["a", None], "expected a list of names"),
        (["a", ""], "expected a list of names"),
        (["a", "-"], "expected a list of names"),
        (["0", "1"], '"0" is a number: give the class a name'),
        (["healthy", "1.0"], '"1.0" is a number'),
        (["COVID-19", "healthy", "covid 19"], "'COVID-19' and 'covid 19' are too alike"),
        (["a", "a"], "'a' and 'a' are too alike"),
    ],
)
def test_wrong_names_are_refused_wherever_they_come_from(names, message):
    with pytest.raises(UserError, match=message):
        ClassLabels(names)
    with pytest.raises(UserError, match=message):
        ClassLabels(None, names)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"mild": 0}, "'mild' the number 0; give the name of a class"),
        ({True: "none"}, "the label true; expected a whole number or a name"),
        ({"mild": True}, "'mild' the class true; expected 0 none"),
        ({"mild": "none", "moderate": "none", "severe": "none"}, "left by label_mapping .* name two or more"),
        ([("mild", "none")], "expected {label: class, ...}"),
        ("mild", "expected {label: class, ...}"),
    ],
)
def test_a_mapping_without_sense_is_refused(mapping, message):
    with pytest.raises(UserError, match=message):
        ClassLabels(GRADES, label_mapping=mapping)


def test_a_target_that_is_no_class_is_refused():
    with pytest.raises(UserError, match="'CT-1' the class \"covid\"; expected 0 non-pneumonia"):
        ClassLabels(None, PAPER, {"CT-1": "covid"})
    with pytest.raises(UserError, match="'CT-1' the class 3; expected 0 non-pneumonia"):
        ClassLabels(None, PAPER, {"CT-1": 3})


def test_a_key_that_is_neither_a_class_nor_a_label_is_a_slip_of_the_pen():
    labels = ClassLabels(GRADES, label_mapping={"sever": None})
    with pytest.raises(UserError, match="label_mapping has the label 'sever'; expected 0 none"):
        labels.check_keys([0, "mild"])
    ClassLabels(GRADES, label_mapping={"grade 1": "mild"}).check_keys([0, "Grade 1"])
