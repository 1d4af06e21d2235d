"""Oracle: the figures of classification_metrics on hand-made tables."""

import pytest

from scripts.datalists import CLASSES
from scripts.errors import UserError
from scripts.experiments import paired_differences


def rows(labels, answers, patients=None):
    """A table whose network gives 0.8 to each answer."""
    patients = patients or range(len(labels))
    columns = ("prob_non_pneumonia", "prob_other_pneumonia", "prob_covid_19")
    return [
        {"image": f"{number:03}", "patient": str(patient), "label": str(label), "prediction": CLASSES[answer],
         **{column: 0.8 if index == answer else 0.1 for index, column in enumerate(columns)}}
        for number, (label, answer, patient) in enumerate(zip(labels, answers, patients, strict=True))
    ]  # fmt: skip


LABELS = [0, 1, 2] * 20
RIGHT = list(LABELS)
WRONG_AT_TENTHS = [(answer + 1) % 3 if number % 10 == 0 else answer for number, answer in enumerate(RIGHT)]


def test_a_difference_is_that_of_the_figures_and_its_interval_holds_it():
    found = paired_differences(rows(LABELS, RIGHT), rows(LABELS, WRONG_AT_TENTHS))["three_class_accuracy"]
    assert found["difference"] == pytest.approx(0.1)
    low, high = found["interval"]
    assert 0 < low < 0.1 < high < 0.25


def test_a_network_does_not_differ_from_itself_however_uncertain_it_is():
    table = rows(LABELS, WRONG_AT_TENTHS)
    for name, found in paired_differences(table, table).items():
        assert found == {"difference": 0.0, "interval": [0.0, 0.0]}, name


def test_swapped_networks_swap_the_sign():
    ours, other = rows(LABELS, RIGHT), rows(LABELS, WRONG_AT_TENTHS)
    forth, back = paired_differences(ours, other), paired_differences(other, ours)
    for name in forth:
        assert forth[name]["difference"] == pytest.approx(-back[name]["difference"])


def test_the_order_of_the_rows_does_not_matter():
    ours, other = rows(LABELS, RIGHT), rows(LABELS, WRONG_AT_TENTHS)
    assert paired_differences(ours, other[::-1]) == paired_differences(ours, other)


def test_other_scans_are_refused():
    with pytest.raises(UserError, match="059 is missing from one"):
        paired_differences(rows(LABELS, RIGHT), rows(LABELS[:-1], RIGHT[:-1]))
