import numpy as np
import pytest

from scripts.errors import UserError
from scripts.lobes import LABEL_TABLES, LOBES, convert_labels
from scripts.phantoms import lungs


@pytest.mark.parametrize("table", LABEL_TABLES)
def test_every_table_numbers_all_five_lobes_and_converts_to_ours(table):
    numbers = LABEL_TABLES[table].lobes
    assert tuple(numbers) == LOBES
    theirs = np.array([[0, *numbers.values()]], dtype=np.int16)
    assert convert_labels(theirs, table).tolist() == [[0, 1, 2, 3, 4, 5]]


def test_other_organs_of_totalsegmentator_are_background():
    assert convert_labels(np.array([9, 15, 16, 117]), "totalsegmentator").tolist() == [0, 0, 0, 0]


def test_the_phantoms_lobes_are_numbered_alike():
    ours = (lungs.LEFT_UPPER, lungs.LEFT_LOWER, lungs.RIGHT_UPPER, lungs.RIGHT_MIDDLE, lungs.RIGHT_LOWER)
    assert ours == tuple(LABEL_TABLES["bundle"].lobes.values())


def test_floats_that_are_whole_are_labels():
    assert convert_labels(np.array([0.0, 4.0], dtype=np.float32)).tolist() == [0, 4]


@pytest.mark.parametrize(
    ("labels", "table", "match"),
    [
        ([0, 14], "bundle", "values from 0 to 14; lobe labels of 'bundle'"),
        ([0.5, 1], "bundle", "whole numbers"),
        ([-1, 1], "lungmask", "values from -1"),
        ([0], "slicer", "'slicer' are unknown; choose one of bundle"),
    ],
)
def test_what_a_table_does_not_hold_is_named(labels, table, match):
    with pytest.raises(UserError, match=match):
        convert_labels(np.array(labels), table, "mask.nii.gz")


@pytest.mark.parametrize(
    ("table", "first"), [("lungmask", 1), ("totalsegmentator", 10), ("totalsegmentator_v1", 13)]
)
def test_other_programs_number_the_lobes_as_they_document(table, first):
    """Each names left upper, left lower, right upper, middle and lower, one after the other."""
    theirs = np.arange(first, first + 5)
    assert convert_labels(theirs, table).tolist() == [1, 2, 3, 4, 5]
    assert LOBES == ("left upper", "left lower", "right upper", "right middle", "right lower")
