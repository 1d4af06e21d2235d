import json

import pytest

from scripts.datalists import fold_items, read_datalist
from scripts.errors import UserError


def item(patient, label=0, **more):
    return {"image": f"images/{patient}.nii.gz", "label": label, "patient": patient, **more}


@pytest.fixture
def datalist(tmp_path):
    def write(**lists):
        path = tmp_path / "datalist.json"
        path.write_text(json.dumps(lists))
        return path

    return write


def test_paths_become_absolute_and_the_written_one_stays_as_name(datalist, tmp_path):
    path = datalist(training=[item("a", lobes="lobes/a.nii.gz", fold=0)])
    (read,) = read_datalist(path)["training"]
    assert read["image"] == str(tmp_path / "images/a.nii.gz")
    assert read["lobes"] == str(tmp_path / "lobes/a.nii.gz")
    assert read["name"] == "images/a.nii.gz"


def test_a_fold_is_reported_on_and_neither_learnt_nor_selected_on(datalist):
    path = datalist(
        training=[item(f"t{k}", fold=k % 3) for k in range(9)], validation=[item("v")], test=[item("x")]
    )
    parts = fold_items(path, fold=1)
    names = {part: [i["patient"] for i in items] for part, items in parts.items()}
    assert names == {
        "train": ["t0", "t2", "t3", "t5", "t6", "t8"],
        "select": ["v"],
        "report": ["t1", "t4", "t7"],
        "test": ["x"],
    }


def test_without_a_fold_the_test_list_is_reported(datalist):
    path = datalist(training=[item("a", fold=0), item("b", fold=1)], validation=[item("v")], test=[item("x")])
    names = {part: [i["patient"] for i in items] for part, items in fold_items(path).items()}
    assert names == {"train": ["a", "b"], "select": ["v"], "report": ["x"], "test": ["x"]}


def test_a_datalist_of_test_scans_alone_is_reported(datalist):
    parts = fold_items(datalist(test=[item("x")]))
    assert {part: len(items) for part, items in parts.items()} == {
        "train": 0,
        "select": 0,
        "report": 1,
        "test": 1,
    }


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            {"training": [item("a", fold=0)], "test": [item("a")]},
            "patient a has scans in training fold 0 and in test",
        ),
        (
            {"training": [item("a", fold=0), item("a", fold=1)]},
            "patient a has scans in training fold 0 and in training fold 1",
        ),
        ({"training": [item("a", label=3)]}, r"training\[0\] \(images/a.nii.gz\): label 3; expected 0"),
        ({"test": [{"image": "a.nii.gz", "label": 0}]}, r"test\[0\] \(a.nii.gz\): no 'patient'"),
        ({"test": [{"patient": "a", "label": 0}]}, r"test\[0\]: no 'image'"),
    ],
)
def test_a_wrong_datalist_is_refused_by_name(datalist, lists, message):
    path = datalist(**lists)
    with pytest.raises(UserError, match=message) as error:
        read_datalist(path)
    assert str(path) in str(error.value)


def test_a_missing_or_broken_file_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="no such file; --dataset_dir is the folder"):
        read_datalist(tmp_path / "datalist.json")
    (tmp_path / "datalist.json").write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        read_datalist(tmp_path / "datalist.json")


def test_an_unknown_fold_names_those_there_are(datalist):
    with pytest.raises(UserError, match=r"fold 7 is not in the training list, which has folds \[0, 1\]"):
        fold_items(datalist(training=[item("a", fold=0), item("b", fold=1)]), fold=7)


def test_a_scan_in_a_zip_stays_in_its_zip_and_slices_stay_in_order(datalist, tmp_path):
    scan = {"image": "../zips/CP-1.zip::CP/1/../2", "label": 1, "patient": "a", "slices": ["2.png", "0.png"]}
    (read,) = read_datalist(datalist(test=[scan]))["test"]
    assert read["image"] == f"{tmp_path.parent}/zips/CP-1.zip::CP/1/../2"  # inside a zip nothing is followed
    assert (read["slices"], read["name"]) == (["2.png", "0.png"], scan["image"])


def test_links_below_the_folder_stay_links(datalist, tmp_path):
    (tmp_path / "images").symlink_to(tmp_path / "store")
    (read,) = read_datalist(datalist(test=[item("a")]))["test"]
    assert read["image"] == str(tmp_path / "images/a.nii.gz")
