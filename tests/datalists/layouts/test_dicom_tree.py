import shutil
from pathlib import Path

import pytest
from scan_writers import write_series
from toy_chest import chest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError

SCOUT = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1], "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
PDF = {"Modality": "DOC", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}
VOLUME = chest((12.0, 11.0, 20.0))


def write(folder, number, study, volume=VOLUME, **tags):
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.{number}", "SeriesNumber": number}
    return write_series(folder, *volume, **{**uids, **tags})


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    write(root / "p1/study/ct", 2, "1.2.1")
    write(root / "p1/study/scout", 1, "1.2.1", keep=[2], **SCOUT)
    write(root / "p1/study/pdf", 9, "1.2.1", keep=[2], **PDF)
    write(root / "p10/study/ct", 2, "1.2.10", PatientID="p10")
    write(root / "p2", 2, "1.2.2", PatientID="p2")
    for number, kernel in ((2, "B40f"), (3, "B70f")):
        write(root / f"p3/study/{kernel}", number, "1.2.3", PatientID="p3", ConvolutionKernel=kernel)
    (root / "DICOMDIR").write_bytes(b"")
    return root


@pytest.fixture
def root(tree, tmp_path):
    return Path(shutil.copytree(tree, tmp_path / "data"))


def collect(root, csv, **more):
    return collect_scans("dicom_tree", Request(root, csv=csv, **more))


def images(collection):
    return [(item["image"], item["patient"], item["label"]) for item in collection.items]


def test_of_a_study_the_readers_own_choice_is_the_scan(root, table):
    csv = table("patient,path,label", "a,p1,2", "p10,,1", "p2,,0")
    collection = collect(root, csv)
    assert images(collection) == [
        ("p1/study/ct", "scans-a", 2),
        ("p10/study/ct", "scans-p10", 1),
        ("p2", "scans-p2", 0),
    ]
    left_out = collection.left_out
    assert left_out["scouts, projections or maps in other units"] == ["p1/study/series 1"]
    assert [Path(name).parent.name for name in left_out["DICOM of modality DOC"]] == ["pdf"]
    assert left_out["not in scans.csv"] == ["p3/study/B40f", "p3/study/B70f"]


def test_two_equal_kernels_are_refused_until_one_is_named(root, table):
    with pytest.raises(
        UserError, match=r"line 2: p3: several series fit: 2 \(15 slices .*B40F\), 3 \(.*; choose"
    ):
        collect(root, table("patient,label", "p3,2"))
    named = collect(root, table("patient,label,series", "p3,2,3"))
    assert [(item["image"], item["series"]) for item in named.items] == [("p3/study/B70f", "3")]


def test_all_series_are_those_of_a_chest_not_documents(root, table):
    everything = collect(root, table("patient,label", "p1,2", "p3,0"), series="all")
    assert [item["image"] for item in everything.items] == ["p1/study/ct", "p3/study/B40f", "p3/study/B70f"]
    with pytest.raises(UserError, match=r"--series largest: expected all"):
        collect(root, table("patient,label", "p1,2"), series="largest")


def test_a_path_without_a_scan_is_missing(root, table):
    with pytest.raises(UserError, match=r"names 1 scans that are not under .*: p1/study/pdf"):
        collect(root, table("patient,path,label", "a,p1/study/pdf,2"))


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
        (["patient,label", "p4,1"], "names 1 scans that are not under .*: p4"),
        (["path,patient,label", "p2/1.txt,a,1", "p2/1.txt,a,1"], "line 3: p2/1.txt is there twice"),
        (["path,patient,label", "p2,a,1", "p2,a,1"], "1 scans are named twice: p2"),
    ],
)
def test_a_wrong_table_is_refused(root, table, lines, message):
    (root / "p2" / "1.txt").write_text("a file", encoding="utf-8")
    with pytest.raises(UserError, match=message):
        collect(root, table(*lines))
