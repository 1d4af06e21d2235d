import json
import zipfile

import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError

HEADER = "cls,pid,scan_id,is_seg,is_repeat,repeat_ids,re_order"
SCANS = ("Normal/7/70", "CP/1/10", "CP/1/11", "NCP/2/20")


@pytest.fixture
def root(grow):
    return grow(*(f"{scan}/{k:04d}.png" for scan in SCANS for k in (0, 1, 2)))


def collect(root, **more):
    return collect_scans("cc_ccii", Request(root, **more))


def pack(root, name, *members):
    with zipfile.ZipFile(root / name, "w") as archive:
        for member in members:
            archive.writestr(member, "")


def common(label, patient):
    return {
        "label": label,
        "patient": f"cc_ccii-{patient}",
        "source": "cc_ccii",
        "label_source": "unknown",
        "intensity": "windowed",
    }


def test_folders_give_one_item_a_scan(root):
    assert collect(root).items == [
        {"image": "CP/1/10", **common(1, 1)},
        {"image": "CP/1/11", **common(1, 1)},
        {"image": "NCP/2/20", **common(2, 2)},
        {"image": "Normal/7/70", **common(0, 7)},
    ]


def test_zips_give_the_same_items_where_they_lie(grow):
    root = grow()
    (root / "zips").mkdir()
    pack(root, "CP-1.zip", "CP/1/10/0.jpg", "CP/1/11/0.jpg")
    pack(root, "zips/N.zip", "any/top/NCP/2/20/0.jpg", "any/top/NCP/2/20/readme.txt")
    collection = collect(root)
    assert collection.items == [
        {"image": "CP-1.zip::CP/1/10", **common(1, 1)},
        {"image": "CP-1.zip::CP/1/11", **common(1, 1)},
        {"image": "zips/N.zip::any/top/NCP/2/20", **common(2, 2)},
    ]
    assert collection.left_out == {"not a picture": ["zips/N.zip::any/top/NCP/2/20/readme.txt"]}


def test_common_pneumonia_is_not_called_fibrosis_defined(root):
    assert "not defined by fibrosis" in collect(root).label_meaning["cc_ccii"]["1"]


def test_a_scan_both_packed_and_unpacked_is_refused(root):
    pack(root, "CP-1.zip", "CP/1/10/0.jpg")
    with pytest.raises(UserError, match=r"scan CP/1/10 is there twice: CP/1/10 and CP-1\.zip::CP/1/10"):
        collect(root)


def test_what_does_not_fit_is_reported(root, grow):
    grow(
        "CP/stray.txt",
        "CP/1/stray.png",
        "CP/1/10/notes.txt",
        "Flu/1/2/0.png",
        "hello.txt",
        "lesions_slices.csv",
    )
    (root / "CP/5/50").mkdir(parents=True)
    pack(root, "x.zip", "0.png", "Flu/1/1/0.png")
    assert collect(root).left_out == {
        "not part of the layout": ["hello.txt"],
        "not in a scan's folder": ["CP/stray.txt", "CP/1/stray.png"],
        "not a picture": ["CP/1/10/notes.txt"],
        "folder without pictures": ["CP/5/50"],
        "not a folder CP, NCP or Normal": ["Flu"],
        "not a folder CLASS/PATIENT/SCAN": ["x.zip::", "x.zip::Flu/1/1"],
    }


def test_corrections_become_slices_where_they_change_anything(root):
    rows = ["CP,1,10,0,0,,reverse", "CP,1,11,0,1,1,", "NCP,2,20,0,0,,", "Normal,7,70,1,0,,"]
    (root / "CT_cleaned.csv").write_text("\n".join([HEADER, *rows]))
    reverse, repeated, untouched, masked = collect(root).items
    assert reverse["slices"] == ["0002.png", "0001.png", "0000.png"]
    assert repeated["slices"] == ["0000.png", "0002.png"]
    assert "slices" not in untouched and "masked_body" not in untouched
    assert masked["masked_body"] is True


def test_unusable_unlisted_and_emptied_scans_are_left_out_by_name(root, table):
    rows = table(
        HEADER, "CP,1,10,0,0,discard,", "CP,1,11,0,1,0-9,", "NCP,9,90,0,0,no image,", "NCP,2,20,0,0,,"
    )
    collection = collect(root, csv=rows)
    assert [item["image"] for item in collection.items] == ["NCP/2/20"]
    assert collection.left_out == {
        "unusable by scans.csv": ["CP/1/10"],
        "no slice left by scans.csv": ["CP/1/11"],
        "not in scans.csv": ["Normal/7/70"],
    }


def test_a_scan_that_the_table_names_must_be_there_or_be_skipped(root, table):
    rows = table(HEADER, "CP,1,10,0,0,,", "CP,1,99,0,0,,")
    with pytest.raises(
        UserError, match=r"scans\.csv: names 1 scans that are not under .*: CP/1/99; complete"
    ):
        collect(root, csv=rows)
    collection = collect(root, csv=rows, skip_missing=True)
    assert collection.left_out["named in scans.csv but missing"] == ["CP/1/99"]


def test_a_wrong_correction_names_table_and_scan(root, table):
    with pytest.raises(UserError, match=r"scans\.csv: scan CP/1/10: 'x' is not"):
        collect(root, csv=table(HEADER, "CP,1,10,0,0,,x"), skip_missing=True)
    with pytest.raises(UserError, match=r"scans\.csv: no column 're_order'; found cls, pid, scan_id"):
        collect(root, csv=table("cls,pid,scan_id,is_seg,is_repeat,repeat_ids", "CP,1,10,0,0,"))


def test_json_splits_bring_their_list_and_their_slices_and_outrank_the_table(root):
    (root / "CT_cleaned.csv").write_text(f"{HEADER}\nCP,1,10,0,0,discard,\n")
    train = {"CP": {"1": {"10": ["0001.png", "0000.png"], "11": ["0000.png", "0001.png", "0002.png"]}}}
    (root / "ct_train.json").write_text(json.dumps(train))
    (root / "ct_test.json").write_text(json.dumps({"NCP": {"2": {"20": ["0002.png"]}}}))
    collection = collect(root)
    assert [(i["image"], i["list"], i.get("slices")) for i in collection.items] == [
        ("CP/1/10", "training", ["0001.png", "0000.png"]),
        ("CP/1/11", "training", None),
        ("NCP/2/20", "test", ["0002.png"]),
    ]
    assert collection.left_out == {"not in ct_*.json": ["Normal/7/70"]}


def test_a_listed_slice_that_is_not_there_is_refused(root):
    (root / "ct_val.json").write_text(json.dumps({"CP": {"1": {"10": ["0009.png"]}}}))
    with pytest.raises(UserError, match=r"the json splits: scan CP/1/10: slice 0009\.png is not there"):
        collect(root)


def test_a_damaged_zip_is_one_part_that_is_left_out(root):
    """CC-CCII's published NCP-13.zip is damaged."""
    pack(root, "CP-2.zip", "CP/9/90/0.jpg")
    (root / "NCP-13.zip").write_bytes(b"PK\x03\x04 and no more")
    collection = collect(root)
    assert len(collection.items) == 5
    ((reason, names),) = collection.left_out.items()
    assert reason.startswith("damaged zip: ") and names == ["NCP-13.zip"]


def test_scans_that_a_damaged_zip_held_are_not_missing_for_another_reason(root, table):
    (root / "NCP-13.zip").write_bytes(b"")
    rows = ["CP,1,10,0,0,,", "CP,1,11,0,0,,", "Normal,7,70,0,0,,", "NCP,2,20,0,0,,", "NCP,3,30,0,0,,"]
    assert len(collect(root, csv=table(HEADER, *rows)).items) == 4
    with pytest.raises(UserError, match="CP/5/50; complete"):
        collect(root, csv=table(HEADER, *rows, "CP,5,50,0,0,,"))
    contents = ["zip_file,label,patient_id,scan_id,n_slice", "NCP-13.zip,NCP,3,30,60"]
    (root / "unzip_filenames.csv").write_text("\n".join(contents))
    assert len(collect(root, csv=table(HEADER, *rows)).items) == 4
    with pytest.raises(UserError, match="NCP/4/40; complete"):
        collect(root, csv=table(HEADER, *rows, "NCP,4,40,0,0,,"))


def test_age_sex_and_severity_come_from_the_metadata(root):
    """metadata.csv: patient_id, Age, Sex(Male1/Female2), Critical_illness, Liver_function, ..."""
    rows = [
        "patient_id,Age,Sex(Male1/Female2),Critical_illness,Progression (Days)",
        "2,47,2,1,6",
        "1,61.0,1.0,0,",
    ]
    (root / "metadata.csv").write_text("\n".join(rows))
    known = {i["patient"]: (i.get("age"), i.get("sex"), i.get("severity")) for i in collect(root).items}
    assert known["cc_ccii-2"] == (47, "F", "critical") and known["cc_ccii-1"] == (61, "M", "not critical")
    assert known["cc_ccii-7"] == (None, None, None)
