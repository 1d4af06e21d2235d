from dataclasses import replace

import numpy as np
import pytest
from toy_run import NAMES, answers, predictions, toy_datalist, write_answers

from scripts.errors import UserError
from scripts.statistics import (
    PredictionTable,
    average,
    check_apart,
    patient_level,
    pool,
    raw_columns,
    read_predictions,
    read_table,
)

ITEMS = toy_datalist(28)["training"]
GOOD = answers(ITEMS)


def written(tmp_path, items=ITEMS, probabilities=GOOD, folds=None):
    write_answers(tmp_path / "answers.csv", items, probabilities, folds)
    return tmp_path / "answers.csv"


def test_what_was_written_is_read(tmp_path):
    table = read_table(written(tmp_path, folds=[item["fold"] for item in ITEMS]), NAMES)
    assert table.images == [item["image"] for item in ITEMS]
    assert table.labels.tolist() == [item["label"] for item in ITEMS]
    assert table.folds.tolist() == [item["fold"] for item in ITEMS]
    np.testing.assert_allclose(table.probabilities, GOOD, atol=1e-6)


def test_probabilities_that_do_not_sum_to_one_are_refused_by_scan(tmp_path):
    wrong = GOOD.copy()
    wrong[2] *= 0.9
    with pytest.raises(UserError, match=rf"answers.csv: the probabilities of {ITEMS[2]['image']} sum to 0.9"):
        read_table(written(tmp_path, probabilities=wrong), NAMES)


@pytest.mark.parametrize("value", [-0.2, 1.4, np.nan])
def test_logits_and_nan_are_no_probabilities(tmp_path, value):
    wrong = GOOD.copy()
    wrong[1, 0] = value
    with pytest.raises(UserError, match="expected numbers from 0 to 1"):
        read_table(written(tmp_path, probabilities=wrong), NAMES)


def test_a_patient_in_two_folds_is_refused_by_name(tmp_path):
    folds = [item["fold"] for item in ITEMS]
    folds[1] = 4 - folds[1] or 3
    with pytest.raises(UserError, match=f"patient {ITEMS[1]['patient']} is in fold"):
        read_table(written(tmp_path, folds=folds), NAMES)


@pytest.mark.parametrize("label", [3, -1, "", "COVID-19"])
def test_unknown_labels_are_refused(tmp_path, label):
    items = [ITEMS[0] | {"label": label}, *ITEMS[1:]]
    with pytest.raises(UserError, match=rf"{items[0]['image']} has label '{label}'; expected 0 to 2"):
        read_table(written(tmp_path, items), NAMES)


def test_a_scan_with_two_rows_is_refused(tmp_path):
    with pytest.raises(UserError, match=f"{ITEMS[0]['image']} has 2 rows"):
        read_table(written(tmp_path, [ITEMS[0], *ITEMS], np.concatenate([GOOD[:1], GOOD])), NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "has no row"), ("image,patient\na,b\n", "has no column label, prob_non_pneumonia")],
)
def test_other_files_are_refused(tmp_path, text, message):
    (tmp_path / "other.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_table(tmp_path / "other.csv", NAMES)
    with pytest.raises(UserError, match="no such file"):
        read_table(tmp_path / "absent.csv", NAMES)


def test_validation_that_is_test_is_refused(tmp_path):
    tables = [read_table(written(tmp_path / name), NAMES) for name in ("validation", "test")]
    with pytest.raises(UserError, match=r"patient .* is in .*validation.* and in .*test"):
        check_apart(tables)
    check_apart([tables[0].rows(np.arange(4)), tables[1].rows(np.arange(4, len(ITEMS)))])


def test_a_patient_is_predicted_by_the_mean_of_their_scans(tmp_path):
    table = read_table(written(tmp_path), NAMES)
    merged, contradictory = patient_level(table)
    assert contradictory == [] and len(merged) == len(table) / 2
    rows = [row for row, patient in enumerate(table.patients) if patient == merged.patients[3]]
    np.testing.assert_allclose(merged.probabilities[3], table.probabilities[rows].mean(axis=0))


def test_a_patient_whose_scans_differ_in_label_is_left_out_by_name(tmp_path):
    items = [ITEMS[0] | {"label": (ITEMS[0]["label"] + 1) % 3}, *ITEMS[1:]]
    merged, contradictory = patient_level(read_table(written(tmp_path, items), NAMES))
    assert contradictory == [ITEMS[0]["patient"]] and contradictory[0] not in merged.patients


def test_a_table_that_was_written_is_read_again_to_nine_digits(tmp_path):
    raw = np.array([[1.23456789e-8, 0.4, 0.6 - 1.23456789e-8], [0.2, 0.3, 0.5]])
    calibrated = np.array([[0.1, 0.4, 0.5], [0.3, 0.3, 0.4]])
    columns = {"image": ["a", "b"], "patient": ["p", "q"], "label": [2, 0], "fold": [1, 0]}
    PredictionTable.of(NAMES, calibrated, columns, raw).write(tmp_path / "t.csv")
    found = read_table(tmp_path / "t.csv", NAMES)
    np.testing.assert_allclose(found.raw, raw, rtol=1e-8)
    np.testing.assert_allclose(found.probabilities, calibrated, rtol=1e-8)
    np.testing.assert_allclose(found.uncalibrated().probabilities, raw, rtol=1e-8)
    assert found.folds.tolist() == [1, 0] and not list(tmp_path.glob("*.partial"))


def test_without_raw_columns_nothing_is_uncalibrated_from_text(tmp_path):
    found = read_table(written(tmp_path), NAMES)
    assert found.raw is None and found.uncalibrated() is found


def test_raw_columns_are_all_there_or_none(tmp_path):
    own = predictions([[0.1, 0.4, 0.5]], [2]).with_raw()
    replace(own, frame=own.frame.drop(columns=raw_columns(NAMES)[1])).write(tmp_path / "t.csv")
    with pytest.raises(UserError, match="has no column raw_prob_other_pneumonia"):
        read_table(tmp_path / "t.csv", NAMES)


@pytest.mark.parametrize("names", [["healthy", "ill"], ["none", "mild", "moderate", "severe"]])
def test_any_number_of_classes_is_read(names, tmp_path):
    probabilities = np.full((len(names), len(names)), 0.1) + np.eye(len(names)) * (1 - 0.1 * len(names))
    predictions(probabilities, range(len(names)), names=names).write(tmp_path / "t.csv")
    found = read_table(tmp_path / "t.csv", names)
    np.testing.assert_allclose(found.probabilities, probabilities)
    assert found.frame["prediction"].tolist() == names
    with pytest.raises(UserError, match="has no column prob_"):
        read_table(tmp_path / "t.csv", NAMES)


@pytest.mark.parametrize("names", [["a-b", "a b"], ["mild", "(?)"]])
def test_classes_that_would_share_a_column_are_refused(names):
    with pytest.raises(UserError, match="do not name columns of their own"):
        raw_columns(names)


def refused(image):
    """A table of one scan without a prediction."""
    own = predictions([[np.nan] * 3], [2], [image])
    return replace(own, frame=own.frame.assign(prediction=None, reason="not_found: no such file"))


def test_hand_worked_mean_changes_the_prediction():
    mean = average([predictions([[0.0, 0.4, 0.6]], [2], ["a"]), predictions([[0.1, 0.7, 0.2]], [2], ["a"])])
    np.testing.assert_allclose(mean.probabilities, [[0.05, 0.55, 0.4]])
    assert mean.predicted["prediction"].tolist() == ["other pneumonia"] and mean.labels.tolist() == [2]


def test_the_mean_is_of_what_the_networks_said_not_of_calibrated_probabilities():
    calibrated = predictions([[0.0, 0.4, 0.6]], [2], ["a"]).with_raw()
    calibrated = calibrated.with_probabilities(np.array([[0.2, 0.4, 0.4]]))
    mean = average([calibrated, predictions([[0.0, 0.2, 0.8]], [2], ["a"])])
    np.testing.assert_allclose(mean.probabilities, [[0.0, 0.3, 0.7]])
    np.testing.assert_allclose(mean.raw, [[0.0, 0.3, 0.7]])


def test_a_scan_that_one_network_refused_stays_refused_with_the_reason():
    for tables in ([predictions([[0.0, 0.4, 0.6]], [2], ["b"]), refused("b")], [refused("b"), refused("b")]):
        mean = average(tables)
        assert len(mean) == 0 and mean.refused["reason"].tolist() == ["not_found: no such file"]


def test_a_scan_that_only_some_folds_selected_on_is_averaged_over_those():
    second = predictions([[0.0, 0.2, 0.8], [1.0, 0.0, 0.0]], [2, 0], ["a", "c"])
    mean = average([predictions([[0.0, 0.4, 0.6]], [2], ["a"]), second])
    assert mean.images == ["a", "c"]
    np.testing.assert_allclose(mean.probabilities, [[0.0, 0.3, 0.7], [1.0, 0.0, 0.0]])


def test_pooled_folds_keep_their_number_and_their_refused_scans():
    pooled = pool({3: predictions([[0.0, 0.4, 0.6]], [2], ["a"]), 1: refused("b")})
    assert pooled.folds.tolist() == [3] and pooled.refused["fold"].tolist() == [1]


def test_a_file_that_is_no_table_is_named(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n"1,2\n3')
    with pytest.raises(UserError, match=r"t\.csv: no table of comma-separated values"):
        read_table(tmp_path / "t.csv", NAMES)


def test_a_table_that_a_spreadsheet_saved_is_read_with_names_in_any_script(tmp_path):
    names = ["健康", "ill"]
    predictions([[0.4, 0.6]], [1], ["Größe.nii"], names=names).write(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "t.csv").read_bytes())
    assert read_table(tmp_path / "t.csv", names).images == ["Größe.nii"]
    assert read_predictions(tmp_path / "t.csv")[0]["prob_健康"] == "0.4"
