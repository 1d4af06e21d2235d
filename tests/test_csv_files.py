import csv

import pandas as pd
import pytest

from scripts.statistics import read_predictions, write_frame
from scripts.text_files import as_cell, as_text, read_rows, write_rows

RUN = [
    '=HYPERLINK("http:x").nii.gz', "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1",
    "''-x", "-", "=", "-1.5.nii", "-inf",
]  # fmt: skip
NOT_RUN = ["scan.nii.gz", "", "'", "'tis", "a=b", " =1", "1+1", "5", "ü"]
NUMBERS = ["-1", "-1.5e-05", "+3", "-.5", "-7."]


@pytest.mark.parametrize("value", RUN)
def test_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe(value):
    assert as_cell(value) == f"'{value}"


@pytest.mark.parametrize("value", [*NOT_RUN, *NUMBERS, -1.5, -2, True, None])
def test_numbers_and_all_other_text_stay_as_they_are(value):
    assert as_cell(value) is value


@pytest.mark.parametrize("value", RUN + NOT_RUN + NUMBERS)
def test_every_value_reads_back_unchanged(value, tmp_path):
    assert as_text(as_cell(value)) == value
    row = {value or "name": value, "-number": "-2"}
    write_rows(tmp_path / "rows.csv", list(row), [row])
    assert read_rows(tmp_path / "rows.csv") == [row]


def test_frames_are_as_safe_as_rows_and_keep_their_numbers(tmp_path):
    frame = pd.DataFrame({"image": ["=1", "b"], "label": pd.array([1, None], "Int64"), "@x": [-0.25, 1 / 3]})
    write_frame(frame, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["image", "label", "'@x"], ["'=1", "1", "-0.25"], ["b", "", "0.333333333"]
        ]  # fmt: skip
    assert read_predictions(tmp_path / "a.csv")[0] == {"image": "=1", "label": "1", "@x": "-0.25"}
