import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError


def test_every_item_has_its_grade_and_its_mask(grow):
    root = grow(
        "studies/CT-0/study_0001.nii.gz",
        "studies/CT-1/study_0255.nii.gz",
        "studies/CT-4/study_1110.nii",
        "masks/study_0255_mask.nii.gz",
        "dataset_registry.xlsx",
    )
    collection = collect_scans("mosmed", Request(root))
    common = {"source": "mosmed", "label_source": "reading"}
    assert collection.items == [
        {
            "image": "studies/CT-0/study_0001.nii.gz",
            "label": 0,
            "patient": "mosmed-study_0001",
            "severity": "CT-0",
            **common,
        },
        {
            "image": "studies/CT-1/study_0255.nii.gz",
            "label": 2,
            "patient": "mosmed-study_0255",
            "severity": "CT-1",
            "lesions": "masks/study_0255_mask.nii.gz",
            **common,
        },
        {
            "image": "studies/CT-4/study_1110.nii",
            "label": 2,
            "patient": "mosmed-study_1110",
            "severity": "CT-4",
            **common,
        },
    ]
    assert collection.left_out == {} and set(collection.label_meaning["mosmed"]) == {"0", "2"}


def test_what_does_not_fit_is_reported(grow):
    root = grow(
        "studies/CT-0/study_1.nii.gz",
        "studies/CT-0/study_1.txt",
        "studies/CT-0/deeper/study_2.nii.gz",
        "studies/CT-5/study_3.nii.gz",
        "masks/study_9_mask.nii.gz",
        "masks/other.nii.gz",
    )
    assert collect_scans("mosmed", Request(root)).left_out == {
        "not a folder CT-0 .. CT-4": ["studies/CT-5"],
        "not a NIfTI file": ["studies/CT-0/deeper", "studies/CT-0/study_1.txt"],
        "not a mask study_NNNN_mask.nii.gz": ["masks/other.nii.gz"],
        "mask without its study": ["masks/study_9_mask.nii.gz"],
    }


def test_a_root_without_studies_says_what_is_expected(grow):
    with pytest.raises(UserError, match="studies: no such folder; layout mosmed expects studies/CT-0"):
        collect_scans("mosmed", Request(grow("CT-0/study_1.nii.gz")))
