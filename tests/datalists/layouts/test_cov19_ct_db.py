import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError


@pytest.fixture
def root(grow):
    return grow(
        "train/covid/ct_scan_0/0.jpg",
        "train/covid/ct_scan_10/0.jpg",
        "train/covid/ct_scan_9/0.jpg",
        "train/non-covid/ct_scan_0/0.jpg",
        "validation/covid/ct_scan_0/0.jpg",
    )


def collect(root, **more):
    return collect_scans("cov19_ct_db", Request(root, **more))


def test_every_item_has_its_published_list(root):
    collection = collect(root, negatives_are="1")
    assert [(i["image"], i["label"], i["list"]) for i in collection.items] == [
        ("train/covid/ct_scan_0", 2, "training"),
        ("train/covid/ct_scan_9", 2, "training"),
        ("train/covid/ct_scan_10", 2, "training"),
        ("train/non-covid/ct_scan_0", 1, "training"),
        ("validation/covid/ct_scan_0", 2, "validation"),
    ]
    assert {(i["intensity"], i["label_source"], i["source"]) for i in collection.items} == {
        ("windowed", "reading", "cov19_ct_db")
    }
    assert len({i["patient"] for i in collection.items}) == 5  # equal folder names are other scans


def test_not_covid_has_no_class_until_the_user_gives_one(root):
    with pytest.raises(UserError, match=r"non-covid is everything .* decide with --negatives_are"):
        collect(root)
    assert collect(root, negatives_are="left_out").left_out == {"non-covid": ["train/non-covid/ct_scan_0"]}


def test_missing_patients_are_said_aloud_and_a_table_gives_them(root, table):
    assert "publishes no patients" in collect(root, negatives_are="0").notes[0]
    scans = [item["image"] for item in collect(root, negatives_are="0").items]
    rows = table("path,patient", *(f"{scan},p{k // 2}" for k, scan in enumerate(scans)))
    collection = collect(root, negatives_are="left_out", csv=rows)
    assert [i["patient"] for i in collection.items] == [f"cov19_ct_db-p{k}" for k in (0, 0, 1, 2)]
    assert collection.notes == []
    with pytest.raises(UserError, match=r"scans\.csv: no patient for train/covid/ct_scan_0"):
        collect(root, negatives_are="0", csv=table("path,patient", "a,b"))


def test_what_does_not_fit_is_reported(root, grow):
    grow("test/ct_scan_1/0.jpg", "x.txt", "train/y.txt", "train/maybe/ct_scan_1/0.jpg", "train/covid/z.jpg")
    grow("train/covid/ct_scan_0/0.txt")
    (root / "train/covid/ct_scan_3").mkdir()
    assert collect(root, negatives_are="0").left_out == {
        "not part of the layout": ["x.txt", "train/y.txt"],
        "not a folder train or validation (without labels)": ["test"],
        "not a folder covid or non-covid": ["train/maybe"],
        "not in a scan's folder": ["train/covid/z.jpg"],
        "not a picture": ["train/covid/ct_scan_0/0.txt"],
        "folder without pictures": ["train/covid/ct_scan_3"],
    }
