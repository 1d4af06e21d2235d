"""Oracle: the metrics of classification_metrics on hand-made tables."""

import numpy as np
import pytest
from toy_run import predictions

from scripts.errors import UserError
from scripts.statistics import ONE_VS_REST, OVERALL, paired_differences

LABELS = [0, 1, 2] * 20
RIGHT = list(LABELS)
WRONG_AT_TENTHS = [(answer + 1) % 3 if number % 10 == 0 else answer for number, answer in enumerate(RIGHT)]


def table(labels, named):
    """A table whose network gives 0.8 to each class that it names."""
    images = [f"{number:03}" for number in range(len(labels))]
    return predictions(0.1 + 0.7 * np.eye(3)[named], labels, images)


def flat(differences):
    """Return every difference with the name of its metric."""
    found = {metric.name: differences[metric.name] for metric in OVERALL}
    for label, metrics in differences["one_vs_rest"].items():
        found |= {f"{label}: {metric.name}": metrics[metric.name] for metric in ONE_VS_REST}
    return found


def test_a_difference_is_that_of_the_metrics_and_its_interval_holds_it():
    found = paired_differences(table(LABELS, RIGHT), table(LABELS, WRONG_AT_TENTHS))["accuracy"]
    assert found["value"] == pytest.approx(0.1)
    low, high = found["interval_95_percent"]
    assert 0 < low < 0.1 < high < 0.25


def test_a_network_does_not_differ_from_itself_however_uncertain_it_is():
    own = table(LABELS, WRONG_AT_TENTHS)
    for name, found in flat(paired_differences(own, own)).items():
        assert found == {"value": 0.0, "interval_95_percent": [0.0, 0.0]}, name


def test_swapped_networks_swap_the_sign():
    ours, other = table(LABELS, RIGHT), table(LABELS, WRONG_AT_TENTHS)
    forth, back = flat(paired_differences(ours, other)), flat(paired_differences(other, ours))
    for name in forth:
        assert forth[name]["value"] == pytest.approx(-back[name]["value"])


def test_the_order_of_the_rows_does_not_matter():
    ours, other = table(LABELS, RIGHT), table(LABELS, WRONG_AT_TENTHS)
    back_to_front = other.rows(np.arange(len(other))[::-1])
    assert paired_differences(ours, back_to_front) == paired_differences(ours, other)


def test_other_scans_are_refused():
    with pytest.raises(UserError, match="059 is missing from one"):
        paired_differences(table(LABELS, RIGHT), table(LABELS[:-1], RIGHT[:-1]))
