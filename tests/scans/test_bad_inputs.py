"""A corpus of what users bring, one row a fault: the code it is refused with, or "" where it is answered.

Each row is read in one run with a good scan, which is answered all the same.
"""

import os

import pytest
from bad_dicom import DICOM
from bad_files import CONTAINERS, FILES, NAMES, ZIPS
from bad_pictures import PICTURES
from bad_volumes import VOLUMES
from faults import ARRAY, nifti
from monai.data import list_data_collate
from toy_chest import SIZE

from scripts.scans import CODES, scan_items
from scripts.transforms import LungRegion, ScanDataset, preprocessing

pytest.importorskip("SimpleITK")
pytest.importorskip("pydicom")

ROWS = FILES | CONTAINERS | VOLUMES | DICOM | PICTURES | ZIPS | NAMES


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return nifti(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def transform():
    return preprocessing(LungRegion(), (12, 10, 9))


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    """So that the good scan is computed once."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("fault", ROWS)
def test_a_fault_has_its_code_and_the_next_scan_an_answer(fault, good, transform, cache_dir, tmp_path):
    code, make = ROWS[fault]
    given = make(tmp_path)
    declared = given if isinstance(given, dict) else {"image": given}
    fields = {key: value for key, value in declared.items() if key not in ("image", "slices")}
    items = [{**item, **declared, "image": item["image"]} for item in scan_items(declared["image"], fields)]
    dataset = ScanDataset([*items, *scan_items(good)], transform, cache_dir, keep_refused=True)
    results = [dataset[index] for index in range(len(dataset))]
    assert [result["refusal"]["code"] for result in results] == [code, ""]
    assert (float(results[0]["image"].sum()) > 0) == (code == "")
    assert len(list_data_collate(results)["image"]) == 2
    message = results[0]["refusal"]["message"]
    assert str(tmp_path) not in message and "\n" not in message
    assert not code or "; " in message  # what was found; what was expected, or what to do


def test_a_zip_with_a_password_says_so_and_what_to_do(transform, tmp_path):
    _, make = ZIPS["a zip of DICOM with a password"]
    dataset = ScanDataset(scan_items(make(tmp_path)), transform, keep_refused=True)
    message = dataset[0]["refusal"]["message"]
    assert "are encrypted; unpack it with its password" in message


def test_the_corpus_is_large_and_meets_every_code():
    assert len(ROWS) >= 250
    assert {code for code, _ in ROWS.values()} - {""} == set(CODES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_unreadable(good, transform, tmp_path):
    path = nifti(tmp_path)
    path.chmod(0)
    dataset = ScanDataset(scan_items([path, good]), transform, keep_refused=True)
    assert [dataset[k]["refusal"]["code"] for k in (0, 1)] == ["unreadable", ""]


def test_the_toy_is_no_cube():
    assert len(set(ARRAY.shape)) == 3 and len(set(SIZE)) == 3
