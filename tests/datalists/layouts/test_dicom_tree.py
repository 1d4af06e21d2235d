import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError


@pytest.fixture
def root(grow):
    return grow(
        *(f"p1/study/ct/{k}.dcm" for k in range(5)),
        "p1/study/scout/0.dcm",
        "p10/study/ct/0",
        "p2/0.dcm",
        "DICOMDIR",
    )


def collect(root, csv, **more):
    return collect_scans("dicom_tree", Request(root, csv=csv, **more))


def images(collection):
    return [(item["image"], item["patient"], item["label"]) for item in collection.items]


def test_a_path_or_else_the_patients_folder_is_the_scan(root, table):
    csv = table("patient,path,label", "a,p1/study/ct,2", "b,p1/study/scout,0", "p10,,1", "p2,,0")
    collection = collect(root, csv)
    assert images(collection) == [
        ("p1/study/ct", "scans-a", 2),
        ("p1/study/scout", "scans-b", 0),
        ("p10/study/ct", "scans-p10", 1),
        ("p2", "scans-p2", 0),
    ]
    assert collection.left_out == {}


def test_several_series_are_refused_unless_a_rule_is_chosen(root, table):
    csv = table("patient,label", "p1,2")
    with pytest.raises(UserError, match="line 2: p1 holds 2 series: p1/study/ct, p1/study/scout; name one"):
        collect(root, csv)
    largest = collect(root, csv, series="largest")
    assert images(largest) == [("p1/study/ct", "scans-p1", 2)]
    assert largest.left_out["not the largest series"] == ["p1/study/scout"]
    assert [image for image, *_ in images(collect(root, csv, series="all"))] == [
        "p1/study/ct",
        "p1/study/scout",
    ]
    with pytest.raises(UserError, match="--series first: expected largest or all"):
        collect(root, csv, series="first")


def test_folders_that_no_row_names_are_reported(root, table):
    assert collect(root, table("patient,label", "p2,1")).left_out == {
        "not in scans.csv": ["p1/study/ct", "p1/study/scout", "p10/study/ct"]
    }


def test_one_folder_for_everything_is_parted_by_the_rows_files(grow, table):
    root = grow(*(f"{k}.dcm" for k in range(4)))
    csv = table("path,patient,label", "3.dcm,a,1", "0.dcm,b,2", "1.dcm,a,1", "2.dcm,b,2")
    collection = collect(root, csv)
    assert [(i["image"], i["patient"], i["slices"]) for i in collection.items] == [
        (".", "scans-a", ["3.dcm", "1.dcm"]),
        (".", "scans-b", ["0.dcm", "2.dcm"]),
    ]


def test_links_that_lead_in_circles_end(root, table):
    for name in ("p2/again", "p2/more", "p10/back"):  # without a stop, 3 ** 40 folders
        (root / name).symlink_to(root)
    assert images(collect(root, table("patient,label", "p10,1"))) == [("p10/study/ct", "scans-p10", 1)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["patient", "p1"], "no column 'label'"),
        (["patient,label", "p3,1"], "names 1 scans that are not under .*: p3"),
        (["path,patient,label", "p2/0.dcm,a,1", "p2/0.dcm,a,1"], "line 3: p2/0.dcm is there twice"),
        (["path,patient,label", "p2,a,1", "p2,a,1"], "1 scans are named twice: p2"),
    ],
)
def test_a_wrong_table_is_refused(root, table, lines, message):
    with pytest.raises(UserError, match=message):
        collect(root, table(*lines))
