import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError

# CT-RATE (huggingface.co/datasets/ibrahimhamamci/CT-RATE):
# dataset/train_fixed/train_1/train_1_a/train_1_a_1.nii.gz is patient 1, scan a, reconstruction 1; the first
# release (train, valid) has blank headers (discussion 58 there). Labels: VolumeName and 18 findings, 0 or
# 1, four of which are here; metadata: PatientSex M, PatientAge 036Y.
FINDINGS = ["Lung nodule", "Lung opacity", "Pleural effusion", "Consolidation"]
SCANS = {
    "train_1_a_1": (0, 0, 0, 0), "train_1_a_2": (0, 0, 0, 0), "train_1_b_1": (0, 0, 0, 0),
    "train_2_a_1": (0, 1, 1, 1), "train_3_a_1": (1, 0, 0, 0), "valid_1_a_1": (0, 0, 0, 1),
}  # fmt: skip
MAPPING = {"no finding": "non-pneumonia", "consolidation": "other pneumonia"}


@pytest.fixture
def root(grow):
    names = [(stem.rsplit("_", 2)[0], stem.rsplit("_", 1)[0], stem) for stem in SCANS]
    root = grow(
        *(f"dataset/{p.split('_')[0]}_fixed/{p}/{scan}/{stem}.nii.gz" for p, scan, stem in names),
        "dataset/train/train_1/train_1_a/train_1_a_1.nii.gz",
        "dataset/train_fixed/train_4/train_4_a/train_4_a_1.nii.gz",
    )
    for split, long in (("train", "train"), ("valid", "validation")):
        for folder in ("multi_abnormality_labels", "metadata"):
            (root / "dataset" / folder).mkdir(exist_ok=True)
        rows = [
            f"{stem}.nii.gz,{','.join(map(str, own))}"
            for stem, own in SCANS.items()
            if stem.startswith(split)
        ]
        labels = root / f"dataset/multi_abnormality_labels/{split}_predicted_labels.csv"
        labels.write_text("\n".join([f"VolumeName,{','.join(FINDINGS)}", *rows]))
        persons = root / f"dataset/metadata/{long}_metadata.csv"
        persons.write_text(f"VolumeName,PatientSex,PatientAge\n{split}_1_a_1.nii.gz,F,036Y\n")
    return root


def collect(root, mapping=MAPPING):
    return collect_scans("ct_rate", Request(root, label_mapping=mapping))


def test_findings_become_the_classes_that_the_mapping_names(root):
    collection = collect(root)
    short = [(i["image"].rpartition("/")[2], i["label"], i["patient"], i["list"]) for i in collection.items]
    assert short == [
        ("train_1_a_1.nii.gz", 0, "ct_rate-train_1", "training"),
        ("train_1_a_2.nii.gz", 0, "ct_rate-train_1", "training"),
        ("train_1_b_1.nii.gz", 0, "ct_rate-train_1", "training"),
        ("train_2_a_1.nii.gz", 1, "ct_rate-train_2", "training"),
        ("valid_1_a_1.nii.gz", 1, "ct_rate-valid_1", "validation"),
    ]
    assert collection.items[3]["findings"] == "Lung opacity, Pleural effusion, Consolidation"
    assert (collection.items[0]["age"], collection.items[0]["sex"]) == (36, "F")
    assert (
        collection.label_meaning["ct_rate"]["1"] == "consolidation, drawn from the report by a language model"
    )
    left_out = {reason.partition(":")[0]: names for reason, names in collection.left_out.items()}
    assert left_out["first release"] == ["train"]
    assert left_out["no finding that --label_mapping names"][0].endswith("train_3_a_1.nii.gz")
    assert left_out["not in train_predicted_labels.csv"][0].endswith("train_4_a_1.nii.gz")


def test_findings_of_two_classes_and_other_findings(root):
    both = {**MAPPING, "Lung opacity": "COVID-19", "other findings": "non-pneumonia"}
    collection = collect(root, both)
    assert collection.left_out["findings of several classes"][0].endswith("train_2_a_1.nii.gz")
    assert [i["label"] for i in collection.items if "train_3" in i["image"]] == [0]


@pytest.mark.parametrize("mapping", [None, {"flu": "COVID-19"}])
def test_without_a_mapping_no_finding_is_taken_for_a_disease(root, mapping):
    with pytest.raises(UserError, match=r"findings, none of them COVID-19 .*Lung nodule, .*no finding"):
        collect(root, mapping)
