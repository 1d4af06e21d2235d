import csv

import pytest

from scripts.errors import UserError
from scripts.experiments.tables import arrays, average, read_checked, write_table


def row(image, *probabilities, label=2, prediction="COVID-19"):
    columns = ("prob_non_pneumonia", "prob_other_pneumonia", "prob_covid_19")
    values = dict(zip(columns, probabilities or ("", "", ""), strict=True))
    return {
        "image": image,
        "patient": image,
        "label": label,
        **values,
        "prediction": prediction,
        "reason": "",
    }


REFUSED = row("b.nii", prediction="") | {"reason": "not_found: no such file"}


def test_hand_worked_mean_changes_the_prediction():
    (mean,) = average(
        [[row("a.nii", 0.0, 0.4, 0.6)], [row("a.nii", 0.1, 0.7, 0.2, prediction="other pneumonia")]]
    )
    assert (mean["prob_non_pneumonia"], mean["prob_other_pneumonia"], mean["prob_covid_19"]) == (
        0.05,
        0.55,
        0.4,
    )
    assert mean["prediction"] == "other pneumonia" and mean["label"] == 2


def test_a_scan_that_one_network_did_not_answer_stays_unanswered_with_the_reason():
    (mean,) = average([[row("b.nii", 0.0, 0.4, 0.6)], [REFUSED]])
    assert mean["prediction"] == mean["prob_covid_19"] == "" and mean["reason"] == "not_found: no such file"


def test_a_scan_that_only_some_folds_selected_on_is_averaged_over_those():
    means = average(
        [[row("a.nii", 0.0, 0.4, 0.6)], [row("a.nii", 0.0, 0.2, 0.8), row("c.nii", 1.0, 0.0, 0.0)]]
    )
    assert {mean["image"]: mean["prob_covid_19"] for mean in means} == {"a.nii": 0.7, "c.nii": 0.0}


def test_refused_scans_are_checked_by_name_and_left_out_of_the_figures(tmp_path):
    write_table(tmp_path / "p.csv", [row("a.nii", 0.0, 0.4, 0.6), REFUSED])
    rows = read_checked(tmp_path / "p.csv", [{"name": "b.nii", "label": 2}, {"name": "a.nii", "label": 2}])
    assert [found["image"] for found in rows] == ["b.nii", "a.nii"]
    probabilities, labels, patients = arrays(rows)
    assert probabilities.tolist() == [[0.0, 0.4, 0.6]] and labels.tolist() == [2] and patients == ["a.nii"]


def test_a_scan_with_two_rows_is_refused(tmp_path):
    write_table(tmp_path / "p.csv", [row("a.nii", 0.0, 0.4, 0.6)] * 2)
    with pytest.raises(
        UserError, match=r"2 rows do not fit the 1 scans of the datalist .a scan has two rows"
    ):
        read_checked(tmp_path / "p.csv", [{"name": "a.nii", "label": 2}])


def test_a_table_is_written_whole_or_not_at_all(tmp_path):
    write_table(tmp_path / "p.csv", [{"a": 1}])
    with pytest.raises(ValueError, match="fields not in fieldnames"):
        write_table(tmp_path / "p.csv", [{"a": 2}, {"b": 3}])
    with (tmp_path / "p.csv").open() as file:
        assert list(csv.DictReader(file)) == [{"a": "1"}]
