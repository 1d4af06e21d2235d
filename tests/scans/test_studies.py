"""A tree of studies: one scan a study, nothing lost unsaid."""

import contextlib
import json
import shutil

import pytest
from export import REPORT, SCOUT, THIN, write_study
from scan_writers import write_series, write_zip

from scripts.scans import Declaration, RefusedScan, find_scans, read_scan, scan_items

pytest.importorskip("pydicom")


@pytest.fixture
def tree(tmp_path):
    """Two patients, three studies; the second patient's second study is two kernels."""
    root = tmp_path / "export"
    write_study(root / "PAT1" / "ST1")
    write_study(root / "PAT2" / "ST1", "p2", "1.2.2")
    write_study(root / "PAT2" / "ST2", "p2", "1.2.3", kernels=("B40f", "B70f"))
    return root


def images(found, root):
    return [scan.path.removeprefix(f"{root}/") for scan in found.scans]


def voxels_of(item):
    return read_scan(item["image"], Declaration.of(item), item["name"]).voxels


def test_each_study_gives_one_scan_and_two_kernels_a_refusal_that_names_them(tree):
    items = scan_items(tree)
    assert [item["name"] for item in items] == [
        "export/PAT1/ST1/SE2_B40f",
        "export/PAT2/ST1/SE2_B40f",
        "export/PAT2/ST2",
    ]
    assert [voxels_of(item).shape for item in items[:2]] == [THIN[0].shape] * 2
    with pytest.raises(RefusedScan, match=r"2 CT series fit: 2 \(15 slices .*B40F\), 3 \(.*B70F\); choose"):
        voxels_of(items[2])


def test_what_was_passed_over_is_listed_with_its_reason(tree):
    why = scan_items(tree / "PAT1").passed_over
    others = {name.removeprefix("PAT1/ST1/"): why[name] for name in why if ".dcm" not in name}
    assert others == {
        "series 1": "scouts, projections or maps in other units",
        "series 8": "coarser than another",
        "viewer.exe": "no scan, or damaged beyond recognition",
    }
    of_files = {name.split("/")[2]: reason for name, reason in why.items() if ".dcm" in name}
    assert of_files == {
        "SE501_dose": "DICOM of modality SR",
        "SE502_report": "DICOM of modality SR",
        "SE503_pdf": "DICOM of modality DOC",
    }


def test_all_series_are_answered_where_that_is_asked_for(tree):
    found = find_scans([tree / "PAT2" / "ST2"], all_series=True)
    assert images(found, tree / "PAT2" / "ST2") == ["SE2_B40f", "SE3_B70f", "SE8_thick"]


def test_one_kernel_can_be_chosen_for_the_whole_tree(tree):
    items = scan_items(tree / "PAT2" / "ST2", {"series": "3"})
    assert [(item["name"], item["series"]) for item in items] == [("ST2/SE3_B70f", "3")]
    assert voxels_of(items[0]).shape == THIN[0].shape


def test_a_study_in_one_folder_is_the_same_as_in_several(tree, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in sorted((tree / "PAT1").rglob("*.dcm")):
        shutil.copy(file, flat / f"{file.parent.name}_{file.name}")
    (item,) = scan_items(flat)
    assert (item["name"], item["series"]) == ("flat", "2")
    assert voxels_of(item).shape == THIN[0].shape


def test_two_studies_in_one_folder_are_two_scans(tree, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in sorted((tree / "PAT2" / "ST1").rglob("*.dcm")):
        shutil.copy(file, flat / f"a{file.parent.name}_{file.name}")
    for file in sorted((tree / "PAT1" / "ST1").rglob("*.dcm")):
        shutil.copy(file, flat / f"b{file.parent.name}_{file.name}")
    items = scan_items(flat)
    assert len({item["name"] for item in items}) == len({item["series"] for item in items}) == 2
    assert [voxels_of(item).shape for item in items] == [THIN[0].shape] * 2


def test_what_is_named_and_holds_no_scan_says_what_it_is(tmp_path):
    write_series(tmp_path / "study" / "reports", *THIN, keep=[2], **REPORT)
    (item,) = scan_items(tmp_path / "study", all_series=True)
    with pytest.raises(RefusedScan, match="DICOM of modality SR; expected one CT series"):
        voxels_of(item)


def test_a_study_of_one_slice_is_refused_by_that_with_all_series_too(tmp_path):
    write_series(tmp_path / "study" / "ct", *THIN, keep=[2])
    for every in (False, True):
        (item,) = scan_items(tmp_path / "study", all_series=every)
        with pytest.raises(RefusedScan, match="a single slice"):
            voxels_of(item)


def test_a_series_in_several_folders_is_one_scan(tmp_path):
    folder = write_series(tmp_path / "disc" / "all", *THIN, StudyInstanceUID="1.2.1")
    for number, file in enumerate(sorted(folder.iterdir())):
        (tmp_path / "disc" / str(number // 8)).mkdir(exist_ok=True)
        file.rename(tmp_path / "disc" / str(number // 8) / file.name)
    folder.rmdir()
    (item,) = scan_items(tmp_path / "disc")
    assert item["name"] == "disc" and len(item["slices"]) == 15
    assert voxels_of(item).shape == THIN[0].shape


def test_copies_of_one_series_stay_scans_of_their_own(tmp_path):
    for name in ("a", "b"):
        write_series(tmp_path / "tree" / name, *THIN, StudyInstanceUID="1.2.1")
    assert images(find_scans([tmp_path / "tree"]), tmp_path / "tree") == ["a", "b"]


def test_a_study_in_a_zip_is_found_as_in_a_folder(tree, tmp_path):
    archive = write_zip(tmp_path / "a.zip", tree / "PAT1" / "ST1" / "SE2_B40f", "PAT1/ST1/SE2")
    (item,) = scan_items(archive)
    assert item["name"] == "a.zip::PAT1/ST1/SE2"
    assert voxels_of(item).shape == THIN[0].shape


@pytest.mark.parametrize("tags", [REPORT, SCOUT])
def test_a_study_without_a_scan_gives_no_row_but_beside_others_only(tree, tags):
    write_series(tree / "PAT3", *THIN, keep=[2], PatientID="p3", StudyInstanceUID="1.2.9", **tags)
    assert "PAT3" not in " ".join(images(find_scans([tree]), tree))
    assert any("PAT3" in name for name in find_scans([tree]).passed_over)
    assert images(find_scans([tree / "PAT3"]), tree) == ["PAT3"]  # named: refused by name later


def test_predictions_json_lists_what_was_passed_over(tree, tmp_path, save_model, run_config):
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16])
    items = scan_items(tree / "PAT1")
    with contextlib.suppress(SystemExit):  # the toy chest may be refused
        run_config(
            "inference", ["inference.yaml"], scans=str(tree / "PAT1"), output_dir=str(tmp_path),
            ckpt_path=str(tmp_path / "model.pt"), num_workers=0,
        )  # fmt: skip
    content = json.loads((tmp_path / "predictions.json").read_text(encoding="utf-8"))
    assert content["passed_over"] == items.passed_over != {}
    assert [row["image"] for row in content["predictions"]] == ["PAT1/ST1/SE2_B40f"]
