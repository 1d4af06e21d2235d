import json

import pytest

from scripts.datalists.layouts.clean_cc_ccii import (
    correct_slices,
    order_as_listed,
    read_corrections,
    read_published_lists,
)
from scripts.errors import UserError

TWELVE = [f"{k:04d}.png" for k in range(12)]


@pytest.mark.parametrize(
    ("repeat_ids", "re_order", "numbers"),
    [
        ("", "", range(12)),
        ("", "reverse", range(11, -1, -1)),
        ("reverse", "", range(11, -1, -1)),  # as 96 rows of the first release have it
        ("", "8-11+0-7", [8, 9, 10, 11, *range(8)]),
        ("", "3+5-6+0", [3, 5, 6, 0]),  # what is not named is dropped
        ("", "10-20+0-1", [10, 11, 0, 1]),  # numbers without a slice are passed over
        ("0-7", "", [8, 9, 10, 11]),
        ("0;2;9-30;", "", [1, 3, 4, 5, 6, 7, 8]),
        ("0--9;10,11", "", []),  # two slips of the first release
        ("1", "2-3+0-1", [2, 3, 0]),
        ("9-11", "reverse", range(8, -1, -1)),
        ("discard", "", []),
        ("no image", "", []),
    ],
)
def test_hand_worked_corrections(repeat_ids, re_order, numbers):
    assert correct_slices(TWELVE[::-1], repeat_ids, re_order) == [TWELVE[k] for k in numbers]


def test_numbers_count_not_positions_nor_the_alphabet():
    assert correct_slices(["10.jpg", "9.jpg", "4.jpg"], "9", "") == ["4.jpg", "10.jpg"]


@pytest.mark.parametrize(
    ("names", "repeat_ids", "message"),
    [(TWELVE, "some", "'some' is not 'reverse'"), (["a.png"], "1", "slice a.png has no number")],
)
def test_a_correction_that_cannot_be_done_is_refused(names, repeat_ids, message):
    with pytest.raises(ValueError, match=message):
        correct_slices(names, repeat_ids, "")


def test_slices_of_one_number_cannot_be_ordered():
    with pytest.raises(ValueError, match="several slices have the same number"):
        correct_slices(["1.png", "1.jpg"], "", "0-5")


def test_listed_slices_keep_their_order_and_are_found_under_another_ending():
    assert order_as_listed(["0.jpg", "1.jpg", "2.png"], ["2.png", "0.png"]) == ["2.png", "0.jpg"]
    with pytest.raises(ValueError, match=r"slice 7\.png is not there"):
        order_as_listed(["0.jpg"], ["7.png"])


def test_published_lists_are_read_by_scan(tmp_path):
    (tmp_path / "ct_train.json").write_text(json.dumps({"CP": {"1": {"10": ["0.png"], "11": ["5.png"]}}}))
    (tmp_path / "ct_val.json").write_text(json.dumps({"NCP": {"2": {"12": ["1.png", "0.png"]}}}))
    assert read_published_lists(tmp_path) == {
        ("CP", "1", "10"): ("training", ["0.png"]),
        ("CP", "1", "11"): ("training", ["5.png"]),
        ("NCP", "2", "12"): ("validation", ["1.png", "0.png"]),
    }


@pytest.mark.parametrize("text", ["{", "[]", '{"CP": ["1"]}', '{"CP": {"1": {"10": 3}}}'])
def test_a_json_of_another_form_is_refused(tmp_path, text):
    (tmp_path / "ct_val.json").write_text(text)
    with pytest.raises(
        UserError, match=r"ct_val\.json: not of the form {class: {patient: {scan: \[slices\]}}}"
    ):
        read_published_lists(tmp_path)


def test_a_scan_in_two_lists_or_rows_is_refused(tmp_path, table):
    for name in ("ct_train.json", "ct_test.json"):
        (tmp_path / name).write_text(json.dumps({"CP": {"1": {"10": ["0.png"]}}}))
    with pytest.raises(UserError, match="scan CP/1/10 is also in the training list"):
        read_published_lists(tmp_path)
    row = "CP,1,10,0,0,,"
    with pytest.raises(UserError, match="line 3: scan CP/1/10 is there twice"):
        read_corrections(table("cls,pid,scan_id,is_seg,is_repeat,repeat_ids,re_order", row, row))
