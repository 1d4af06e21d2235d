import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError

HEADER = "PatientID,probCOVID,probSevere"


@pytest.fixture
def root(grow):
    root = grow("data/mha/10.mha", "data/mha/9.mha", "data/mha/8.mha", "metadata/reference.csv")
    (root / "metadata/reference.csv").write_text(f"{HEADER}\n10,1,1\n9,1.0,0.0\n8,0,0\n")
    return root


def collect(root, **more):
    return collect_scans("stoic2021", Request(root, **more))


def test_a_negative_test_has_no_class_until_the_user_gives_one(root):
    with pytest.raises(
        UserError, match=r"negative RT-PCR .* decide with --negatives_are 0 .* 1 .* or left_out"
    ):
        collect(root)
    with pytest.raises(UserError, match="--negatives_are 2: expected 0, 1, left_out"):
        collect(root, negatives_are="2")


@pytest.mark.parametrize("choice", ["0", "1"])
def test_every_item_has_its_test_and_its_outcome(root, choice):
    collection = collect(root, negatives_are=choice)
    common = {"source": "stoic2021", "label_source": "PCR"}
    assert collection.items == [
        {"image": "data/mha/10.mha", "label": 2, "patient": "stoic2021-10", "severity": "severe", **common},
        {"image": "data/mha/9.mha", "label": 2, "patient": "stoic2021-9", "severity": "not severe", **common},
        {"image": "data/mha/8.mha", "label": int(choice), "patient": "stoic2021-8", **common},
    ]
    assert "not by a finding" in collection.label_meaning["stoic2021"][choice]


def test_negatives_left_out_are_counted(root):
    collection = collect(root, negatives_are="left_out")
    assert collection.left_out == {"RT-PCR negative": ["data/mha/8.mha"]}
    assert list(collection.label_meaning["stoic2021"]) == ["2"]


def test_scans_without_rows_are_reported_and_rows_without_scans_refused(root, grow, table):
    grow("data/mha/7.mha", "data/mha/7.txt")
    collection = collect(root, negatives_are="0")
    assert collection.left_out == {
        "not an .mha file": ["data/mha/7.txt"],
        "not in reference.csv": ["data/mha/7.mha"],
    }
    with pytest.raises(UserError, match=r"scans\.csv: names 1 scans that are not under .*: data/mha/6\.mha"):
        collect(root, negatives_are="0", csv=table(HEADER, "10,1,1", "6,1,0"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["10,1,1", "10,1,1"], "line 3: PatientID 10 is there twice"),
        (["10,yes,1"], "line 2: probCOVID is 'yes'; expected 0 or 1"),
    ],
)
def test_a_wrong_row_is_named(root, table, rows, message):
    with pytest.raises(UserError, match=message):
        collect(root, negatives_are="0", csv=table(HEADER, *rows))


def test_age_and_sex_come_from_the_files_headers(root):
    fields = "ObjectType = Image\nPatientAge = 065Y\nPatientSex = M\nElementDataFile = LOCAL\n"
    (root / "data/mha/10.mha").write_bytes(fields.encode() + b"\x00PatientAge = 9\xff")
    known = {i["patient"]: (i.get("age"), i.get("sex")) for i in collect(root, negatives_are="0").items}
    assert known == {"stoic2021-10": (65, "M"), "stoic2021-9": (None, None), "stoic2021-8": (None, None)}
