import json
from collections import Counter

import nibabel as nib
import numpy as np
import pytest
from forked_command import run_command

from scripts.datalists import class_names, fold_items, read_datalist
from scripts.errors import UserError
from scripts.phantoms import Population, write_data_set
from scripts.phantoms.data_set import _roster, _write_datalist

SIZE = (18, 16, 14)
COUNT = 13


@pytest.fixture(scope="module")
def datalist(tmp_path_factory):
    return write_data_set(tmp_path_factory.mktemp("phantoms"), COUNT, 5, shape=SIZE, workers=1)


def everything(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_number_of_workers_changes_no_byte(datalist, tmp_path):
    write_data_set(tmp_path, COUNT, 5, shape=SIZE, workers=2)
    assert everything(tmp_path) == everything(datalist.parent)


def test_other_seed_draws_other_patients(datalist, tmp_path):
    """Lobes do not depend on the class, which may differ, too."""
    write_data_set(tmp_path, COUNT, 6, shape=SIZE, workers=1)
    first = "lobes/patient_0000_0.nii.gz"
    assert (tmp_path / first).read_bytes() != (datalist.parent / first).read_bytes()


def test_datalist_is_read_by_the_datalists_room(datalist):
    lists = read_datalist(datalist)
    items = [item for items in lists.values() for item in items]
    assert len(items) == COUNT
    assert all(lists.values())
    assert {item["source"] for item in items} == {"phantom"}
    for item in items:
        assert {"image", "label", "patient", "lobes", "lesions", "severity", "sex", "age"} <= item.keys()
    assert all("fold" in item for item in lists["training"])
    assert all(fold_items(datalist, 0).values())


def test_masks_lie_on_their_scans(datalist):
    for item in read_datalist(datalist)["training"]:
        scan, lobes, lesions = (nib.load(item[key]) for key in ("image", "lobes", "lesions"))
        assert (scan.get_data_dtype(), lobes.get_data_dtype(), lesions.get_data_dtype()) == (
            np.int16,
            np.uint8,
            np.uint8,
        )
        assert scan.shape == lobes.shape == lesions.shape
        np.testing.assert_array_equal(scan.affine, lobes.affine)
        assert set(np.unique(lobes.dataobj)) == set(range(6))
        assert np.any(lesions.dataobj) == (item["label"] > 0) == (item["severity"] != "none")


def test_files_open_in_any_reader(datalist):
    """Oracle: SimpleITK, which reads NIfTI by itself."""
    SimpleITK = pytest.importorskip("SimpleITK")

    item = read_datalist(datalist)["test"][0]
    image = SimpleITK.ReadImage(item["image"])
    voxels = np.asarray(nib.load(item["image"]).dataobj)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image).T, voxels)


@pytest.mark.parametrize("count", [12, 13, 60, 97, 300])
def test_roster_is_balanced_and_some_patients_come_twice(count):
    roster = list(_roster(count, seed=0))
    assert len(roster) == count
    classes = np.bincount([label for _, _, label, _ in roster])
    assert np.ptp(classes) <= 2
    names = [name for name, *_ in roster]
    assert len(set(names)) == count
    second = sum(visit for *_, visit in roster)
    assert second == min(count // 6, count - 12)


@pytest.mark.parametrize(
    ("count", "folds"), [(12, 2), (13, 2), (17, 3), (24, 4), (40, 5), (60, 5), (97, 5), (300, 5)]
)
def test_any_count_is_split_by_patient_and_class(count, folds, tmp_path):
    items = [
        {"image": f"{name}.nii.gz", "label": label, "patient": name[:-2]}
        for name, _, label, _ in _roster(count, 3)
    ]
    _write_datalist(tmp_path / "datalist.json", "test", items)
    lists = read_datalist(tmp_path / "datalist.json")
    assert {item["fold"] for item in lists["training"]} == set(range(folds))
    for name in ("training", "validation", "test"):
        assert {item["label"] for item in lists[name]} == {0, 1, 2}


def test_finished_data_set_is_left_as_it_is(datalist):
    before = {path: path.stat().st_mtime_ns for path in datalist.parent.rglob("*.nii.gz")}
    assert write_data_set(datalist.parent, COUNT, 5, shape=SIZE) == datalist
    assert before == {path: path.stat().st_mtime_ns for path in datalist.parent.rglob("*.nii.gz")}


@pytest.mark.parametrize(
    "change", [{"seed": 6}, {"count": COUNT + 1}, {"population": Population(sharp=1)}, {"shape": None}]
)
def test_other_data_set_is_not_overwritten_unasked(datalist, change):
    settings = {"count": COUNT, "seed": 5, "shape": SIZE, "workers": 1} | change
    with pytest.raises(UserError, match="--overwrite"):
        write_data_set(datalist.parent, **settings)


def test_overwrite_replaces_what_is_there(tmp_path):
    (tmp_path / "datalist.json").write_text(json.dumps({"name": "somebody else's"}))
    written = write_data_set(tmp_path, 12, shape=SIZE, workers=1, overwrite=True)
    assert sum(map(len, read_datalist(written).values())) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 3}, "count=3"),
        ({"count": 15, "task": "severity"}, "count=15 .* ask for 16 or more"),
        ({"count": 12, "task": "age"}, "task='age' is unknown: give pneumonia, covid_19, severity"),
        ({"count": 12, "seed": -1}, "seed=-1"),
        ({"count": 12, "shape": (20, 20)}, "shape"),
        ({"count": 12, "workers": 0}, "workers=0"),
    ],
)
def test_nonsense_is_refused_by_name(arguments, message, tmp_path):
    with pytest.raises(UserError, match=message):
        write_data_set(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_output_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        write_data_set(tmp_path / "file", 12)


def test_command_refuses_in_one_line(tmp_path):
    result = run_command(["scripts.phantoms", "--output_dir", tmp_path, "--count", "2"])
    assert result.returncode == 1
    assert result.stderr.startswith("error: count=2")
    assert len(result.stderr.splitlines()) == 1


def test_command_writes_a_data_set(tmp_path):
    options = ["--count", "12", "--seed", "1", "--size", "16", "16", "14", "--workers", "1"]
    result = run_command(["scripts.phantoms", "--output_dir", tmp_path, *options])
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str(tmp_path / "datalist.json")
    assert len(list((tmp_path / "images").iterdir())) == 12


def test_severity_is_four_classes_in_the_order_of_their_lesions(tmp_path):
    datalist = write_data_set(tmp_path, 16, 2, shape=SIZE, workers=1, task="severity")
    assert class_names(datalist) == ["none", "mild", "moderate", "severe"]
    items = [item for items in read_datalist(datalist).values() for item in items]
    assert Counter(item["label"] for item in items) == {0: 4, 1: 4, 2: 4, 3: 4}
    for item in items:
        assert item["severity"] == class_names(datalist)[item["label"]]
        codes = set(np.unique(nib.load(item["lesions"]).dataobj)) - {0}
        assert codes <= {1, 2}  # ground glass and consolidation: a grade of COVID-19, never of fibrosis


def test_not_covid_19_is_healthy_lungs_and_other_pneumonia(tmp_path):
    datalist = write_data_set(tmp_path, 12, 2, shape=SIZE, workers=1, task="covid_19")
    assert class_names(datalist) == ["not COVID-19", "COVID-19"]
    items = [item for items in read_datalist(datalist).values() for item in items]
    ill = {label: {i["severity"] != "none" for i in items if i["label"] == label} for label in (0, 1)}
    assert ill == {0: {False, True}, 1: {True}}
    found = {label: set() for label in (0, 1)}
    for item in items:
        found[item["label"]] |= set(np.unique(nib.load(item["lesions"]).dataobj).tolist())
    assert 3 in found[0] and 3 not in found[1]  # honeycombing


def test_the_task_is_part_of_what_is_not_overwritten_unasked(datalist):
    with pytest.raises(UserError, match="--overwrite"):
        write_data_set(datalist.parent, COUNT, 5, shape=SIZE, workers=1, task="covid_19")
