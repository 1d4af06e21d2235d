import numpy as np
import pytest
from toy_run import NAMES, answers, toy_datalist, write_answers

from scripts.errors import UserError
from scripts.evaluation.table import check_apart, patient_level, read_table

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


def test_a_patient_is_answered_by_the_mean_of_their_scans(tmp_path):
    table = read_table(written(tmp_path), NAMES)
    merged, torn = patient_level(table)
    assert torn == [] and len(merged) == len(table) / 2
    rows = [row for row, patient in enumerate(table.patients) if patient == merged.patients[3]]
    np.testing.assert_allclose(merged.probabilities[3], table.probabilities[rows].mean(axis=0))


def test_a_patient_whose_scans_differ_in_label_is_left_out_by_name(tmp_path):
    items = [ITEMS[0] | {"label": (ITEMS[0]["label"] + 1) % 3}, *ITEMS[1:]]
    merged, torn = patient_level(read_table(written(tmp_path, items), NAMES))
    assert torn == [ITEMS[0]["patient"]] and torn[0] not in merged.patients
