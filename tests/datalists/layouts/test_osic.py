import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError

# OSIC Pulmonary Fibrosis Progression (Kaggle): train/ID.../1.dcm and test/ID.../1.dcm; train.csv has 176
# patients with a row a visit; the patients of test are in train too. ID00011637202177653955184 and
# ID00052637202186188008618 cannot be decoded by common readers.
HEADER = "Patient,Weeks,FVC,Percent,Age,Sex,SmokingStatus"
ROWS = [
    "ID1,-4,2315,58.25,79,Male,Ex-smoker",
    "ID1,5,2214,55.71,79,Male,Ex-smoker",
    "ID2,8,2000,70,61,Female,Never smoked",
]


@pytest.fixture
def root(grow, table):
    root = grow("train/ID1/1.dcm", "train/ID1/2.dcm", "train/ID2/1.dcm", "train/ID9/1.dcm", "test/ID1/1.dcm")
    table(HEADER, *ROWS, name="train.csv").rename(root / "train.csv")
    return root


def test_fibrosis_is_class_1_and_each_patient_is_there_once(root):
    collection = collect_scans("osic", Request(root))
    assert [(i["image"], i["label"], i["patient"], i["age"], i["sex"]) for i in collection.items] == [
        ("train/ID1", 1, "osic-ID1", 79, "M"),
        ("train/ID2", 1, "osic-ID2", 61, "F"),
    ]
    assert collection.left_out == {"not in train.csv": ["train/ID9"], "also in train": ["test/ID1"]}
    assert "ILD" in collection.label_meaning["osic"]["1"]


def test_a_patient_whose_scan_is_missing_is_refused(root, table):
    rows = table(HEADER, *ROWS, "ID3,1,2,3,44,Male,Never smoked")
    with pytest.raises(UserError, match="train/ID3; complete the tree"):
        collect_scans("osic", Request(root, csv=rows))
