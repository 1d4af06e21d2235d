import pandas as pd
import pytest

from scripts.datalists import CLASSES
from scripts.errors import UserError
from scripts.experiments.fold import read_checked
from scripts.statistics import class_columns, write_frame


def row(image, *probabilities, label=2):
    values = dict(zip(class_columns(CLASSES), probabilities or (None,) * 3, strict=True))
    return {"image": image, "patient": image, "label": label, **values, "reason": ""}


ANSWERED = row("a.nii", 0.0, 0.4, 0.6)
REFUSED = row("b.nii") | {"reason": "not_found: no such file"}


@pytest.fixture
def checked(tmp_path):
    """Write rows and read them as those of some scans of class 2."""

    def check(rows, names):
        write_frame(pd.DataFrame(rows), tmp_path / "p.csv")
        return read_checked(tmp_path / "p.csv", [{"name": name, "label": 2} for name in names], CLASSES)

    return check


def test_refused_scans_are_checked_by_name_and_left_out_of_the_metrics(checked):
    table = checked([ANSWERED, REFUSED], ["b.nii", "a.nii"])
    assert table.frame["image"].tolist() == ["b.nii", "a.nii"]
    assert table.probabilities.tolist() == [[0.0, 0.4, 0.6]] and table.labels.tolist() == [2]
    assert table.patients == ["a.nii"] and table.refused["reason"].tolist() == ["not_found: no such file"]


def test_a_list_of_which_every_scan_was_refused_is_read_all_the_same(checked):
    assert len(checked([REFUSED], ["b.nii"])) == 0


def test_a_scan_with_two_rows_is_refused(checked):
    with pytest.raises(UserError, match=r"a\.nii has 2 rows; expected one a scan"):
        checked([ANSWERED, ANSWERED], ["a.nii"])


@pytest.mark.parametrize("names", [["a.nii"], ["a.nii", "b.nii", "c.nii"]])
def test_scans_of_another_list_are_refused(names, checked):
    with pytest.raises(UserError, match=f"2 rows do not fit the {len(names)} scans of the datalist"):
        checked([ANSWERED, REFUSED], names)


def test_a_label_that_changed_is_refused(checked):
    with pytest.raises(UserError, match=r"a\.nii has label 1, in the datalist 2"):
        checked([ANSWERED | {"label": 1}], ["a.nii"])
