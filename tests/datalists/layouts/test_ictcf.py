import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError

HEADER = "Patient,Age,Gender,Morbidity outcome"
ROWS = (
    "Patient 1,41,Male,Control",
    "Patient 2,62,Female,Critically ill",
    "Patient 10,,,Mild",
    "Patient 3,1,Male,Suspected",
)


@pytest.fixture
def root(grow):
    return grow(*(f"Patient {k}/CT/IMG-0001-00001.jpg" for k in (1, 2, 3, 10)))


def collect(root, csv=None, **more):
    return collect_scans("ictcf", Request(root, csv=csv, **more))


def test_every_item_has_its_severity_sex_and_age(root, table):
    collection = collect(root, table(HEADER, *ROWS))
    common = {"source": "ictcf", "label_source": "severity", "intensity": "windowed"}
    assert collection.items == [
        {"image": "Patient 1/CT", "label": 0, "patient": "ictcf-1", "sex": "M", "age": 41, **common},
        {
            "image": "Patient 2/CT",
            "label": 2,
            "patient": "ictcf-2",
            "severity": "critically ill",
            "sex": "F",
            "age": 62,
            **common,
        },
        {"image": "Patient 10/CT", "label": 2, "patient": "ictcf-10", "severity": "mild", **common},
    ]
    assert collection.left_out == {"Suspected": ["Patient 3"]}


@pytest.mark.parametrize(("choice", "label"), [("1", 1), ("left_out", None)])
def test_controls_are_class_0_unless_the_user_decides_otherwise(root, table, choice, label):
    collection = collect(root, table(HEADER, *ROWS), negatives_are=choice)
    assert [i["label"] for i in collection.items if i["image"] == "Patient 1/CT"] == [label][
        : label is not None
    ]
    assert ("Control" in collection.left_out) == (label is None)


def test_what_does_not_fit_is_reported(root, grow, table):
    grow("Patient 4/CT/1.jpg", "Patient 5/X/1.jpg", "Patient 2/CT/1.txt", "hello.txt")
    assert collect(root, table(HEADER, *ROWS, "Patient 5,,,Severe")).left_out == {
        "not part of the layout": ["hello.txt"],
        "Suspected": ["Patient 3"],
        "not a picture": ["Patient 2/CT/1.txt"],
        "folder without pictures": ["Patient 5/CT"],
        "not in scans.csv": ["Patient 4"],
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["Patient 1,,,Fine"], "line 2: Morbidity outcome is 'Fine'; expected Control"),
        (["Patient 1,,,Mild", "1,,,Mild"], "line 3: 1 is there twice"),
        (["Patient 77,,,Mild"], "names 1 scans that are not under .*: Patient 77"),
    ],
)
def test_a_wrong_row_is_named(root, table, rows, message):
    with pytest.raises(UserError, match=message):
        collect(root, table(HEADER, *rows))


def test_without_its_table_the_layout_asks_for_it(root):
    with pytest.raises(UserError, match="the labels are in the clinical table; give it with --csv"):
        collect(root)
