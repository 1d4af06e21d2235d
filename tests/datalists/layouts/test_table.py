import zipfile

import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError


@pytest.fixture
def root(grow):
    root = grow("a.nii.gz", "b/0.png", "m.nii.gz")
    with zipfile.ZipFile(root / "z.zip", "w") as archive:
        archive.writestr("CP/1/0.png", "")
    return root


def collect(root, csv, **more):
    return collect_scans("table", Request(root, csv=csv, **more))


def test_every_column_goes_with_its_item(root, table):
    csv = table(
        "path;label;patient;source;label_source;age;lesions;intensity;window;list;scanner",
        "a.nii.gz;2;p1;site A;PCR;61;m.nii.gz;HU;;test;X",
        "b/;other pneumonia;p1;site B;;;;windowed;-600 1500;training;",
        "z.zip::CP/1;COVID-19;p2;;;60.5;;;;training;Y",
    )
    assert collect(root, csv).items == [
        {
            "image": "a.nii.gz",
            "label": 2,
            "patient": "site A-p1",
            "source": "site A",
            "label_source": "PCR",
            "age": 61,
            "lesions": "m.nii.gz",
            "list": "test",
            "scanner": "X",
        },
        {
            "image": "b",
            "label": 1,
            "patient": "site B-p1",
            "source": "site B",
            "label_source": "unknown",
            "intensity": "windowed",
            "window": [-600, 1500],
            "list": "training",
        },
        {
            "image": "z.zip::CP/1",
            "label": 2,
            "patient": "scans-p2",
            "source": "scans",
            "label_source": "unknown",
            "age": 60.5,
            "list": "training",
            "scanner": "Y",
        },
    ]


def test_what_a_label_means_is_kept_by_source(root, table):
    csv = table("path,label,patient,label_meaning", "a.nii.gz,1,p,ILD with fibrosis", "b,2,q,RT-PCR positive")
    assert collect(root, csv, source="parl").label_meaning == {
        "parl": {"1": "ILD with fibrosis", "2": "RT-PCR positive"}
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["path,label", "a.nii.gz,1"], "no column 'patient'; found path, label"),
        (["path,label,patient", "a.nii.gz,3,p"], 'line 2: label "3"; expected 0 non-pneumonia'),
        (["path,label,patient", "a.nii.gz,1,"], "line 2: no patient"),
        (["path,label,patient", ",1,p"], "line 2: no path"),
        (["path,label,patient", "a.nii.gz,1,p", "./a.nii.gz,1,p"], "1 scans are named twice: ./a.nii.gz"),
        (
            ["path,label,patient", "a.nii.gz,1,p", "b,2,p"],
            r"1 patients are under two classes: scans-p \(1, 2\)",
        ),
        (["path,label,patient", "c.nii.gz,1,p"], "names 1 scans that are not under .*: c.nii.gz"),
        (["path,label,patient,lesions", "b,1,p,n.nii.gz"], "names 1 scans that are not under .*: n.nii.gz"),
        (["path,label,patient,age", "b,1,p,old"], "line 2: age 'old' is not a number"),
        (["path,label,patient,window", "b,1,p,-600 0"], "line 2: window '-600 0'; expected 'LEVEL WIDTH'"),
        (
            ["path,label,patient,intensity", "b,1,p,8 bit"],
            "line 2: intensity '8 bit'; expected HU or windowed",
        ),
        (
            ["path,label,patient,list", "b,1,p,dev"],
            "line 2: list 'dev'; expected training, validation or test",
        ),
        (["path,label,patient,fold", "b,1,p,0"], "line 2: the column 'fold' is not the table's to set"),
        (["path,label,patient,label_meaning", "b,1,p,x", "a.nii.gz,1,q,y"], "scans's label 1 was 'x' before"),
    ],
)
def test_a_wrong_table_is_refused_by_line_and_column(root, table, lines, message):
    with pytest.raises(UserError, match=message):
        collect(root, table(*lines))


def test_missing_scans_can_be_skipped(root, table):
    collection = collect(root, table("path,label,patient", "c.nii.gz,1,p", "b,1,p"), skip_missing=True)
    assert [item["image"] for item in collection.items] == ["b"]
    assert collection.left_out == {"named in scans.csv but missing": ["c.nii.gz"]}


def test_the_table_must_be_given(root):
    with pytest.raises(UserError, match="layout table: give the table with --csv FILE"):
        collect(root, None)


def test_scans_in_a_damaged_zip_are_one_part_that_is_left_out(grow, table):
    root = grow("a.nii", "broken.zip")
    rows = table("path,label,patient", "a.nii,0,1", "broken.zip::b,1,2", "broken.zip::c,1,3")
    collection = collect_scans("table", Request(root, csv=rows))
    assert [item["image"] for item in collection.items] == ["a.nii"]
    ((reason, names),) = collection.left_out.items()
    assert reason.startswith("in a damaged zip: ") and names == ["broken.zip::b", "broken.zip::c"]
