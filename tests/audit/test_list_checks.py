import random

import pytest
from audited import items

from scripts.audit import check_lists
from scripts.audit.lists import place_items

RATES = (1, 3, 10)  # planted among 60


def found(planted, check):
    return next(finding for finding in check_lists(planted) if finding.check == check)


def test_a_clean_datalist_passes_every_check():
    assert [finding.status for finding in check_lists(items(60))] == ["passed"] * 3


@pytest.mark.parametrize("count", RATES)
def test_every_patient_on_both_sides_of_a_split_is_found_and_named(count):
    planted = items(60)
    chosen = random.Random(count).sample(range(0, 60, 2), count)
    for k in chosen:
        planted[k + 1]["patient"] = planted[k]["patient"]
    finding = found(planted, "patient_overlap")
    assert finding.hard and finding.numbers["parted"] == count
    assert {line.split()[1].rstrip(":") for line in finding.lines} == {f"p{k:03d}" for k in chosen}


def test_two_scans_of_a_patient_in_one_fold_are_no_overlap():
    planted = items(60)
    planted[5]["patient"] = planted[0]["patient"]
    assert found(planted, "patient_overlap").status == "passed"


@pytest.mark.parametrize("count", RATES)
def test_every_patient_with_two_labels_is_found(count):
    planted = items(60)
    for k in range(0, 3 * count, 3):
        planted[k + 1]["patient"] = planted[k]["patient"]
    finding = found(planted, "label_conflict")
    assert finding.hard and finding.numbers["conflicts"] == len(finding.lines) == count


def test_one_content_with_two_labels_is_a_conflict():
    planted = items(4)
    contents = {planted[0]["key"]: "abc", planted[1]["key"]: "abc"}
    _, finding, copies = check_lists(planted, contents)
    assert finding.hard and "0.nii.gz has label 0 and 1.nii.gz has label 1" in finding.lines[0]
    assert copies.hard and copies.numbers == {"groups": 1, "over_split": 1, "two_patients": 1}


@pytest.mark.parametrize("count", RATES)
@pytest.mark.parametrize("kind", ["link", "path", "sha256"])
def test_every_copy_that_the_datalist_or_the_disk_knows_is_found(count, kind, tmp_path):
    planted = items(60)
    for k in range(0, 2 * count, 2):
        if kind == "path":
            planted[k + 1] |= {"image": planted[k]["image"], "key": planted[k]["key"]}
        elif kind == "sha256":
            planted[k]["sha256"] = planted[k + 1]["sha256"] = f"{k:064d}"
        else:
            original, link = tmp_path / f"{k}.nii.gz", tmp_path / f"link_{k}.nii.gz"
            original.touch()
            link.symlink_to(original)
            planted[k]["image"], planted[k + 1]["image"] = str(original), str(link)
    finding = found(planted, "identical_scans")
    assert finding.hard and finding.numbers["over_split"] == len(finding.lines) == count


def test_a_copy_within_one_patient_and_fold_only_warns():
    planted = items(10)
    planted[5] |= {"patient": "p000", "sha256": "a"}
    planted[0] |= {"sha256": "a"}
    finding = found(planted, "identical_scans")
    assert finding.status == "warning" and not finding.hard


@pytest.mark.parametrize(
    ("one", "other"),
    [({"slices": ["1.png", "2.png"]}, {"slices": ["3.png", "4.png"]}), ({"series": "3"}, {"series": "4"})],
)
def test_two_choices_of_one_folder_are_two_scans(one, other):
    first, second = items(2)
    folder = {"image": "/data/folder", "sha256": "a"}
    lists = {"training": [first | folder | one | {"fold": 0}], "test": [second | folder | other]}
    assert found(place_items(lists), "identical_scans").status == "passed"
