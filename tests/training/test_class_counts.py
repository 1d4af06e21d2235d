import pytest

from scripts.errors import UserError
from scripts.training import (
    ClassBalancedBatches,
    ShuffledBatches,
    balanced_counts,
    check_training_classes,
)

ITEMS = [{"label": label} for label in [0] * 23 + [1] * 11 + [2] * 7]


def test_the_prior_that_batches_teach_is_known_without_drawing_one():
    assert ClassBalancedBatches(ITEMS, (4, 3, 3)).class_shares(3) == [0.4, 0.3, 0.3]
    assert ShuffledBatches(ITEMS, batch_size=4).class_shares(3) == [23 / 41, 11 / 41, 7 / 41]


@pytest.mark.parametrize("number", range(2, 14))
def test_default_batches_are_the_papers_ten_scans_as_even_as_can_be(number):
    counts = balanced_counts(number)
    assert len(counts) == number and sum(counts) == max(10, number)
    assert counts == sorted(counts, reverse=True) and counts[0] - counts[-1] <= 1


@pytest.mark.parametrize(
    ("number", "batch", "counts"), [(3, 6, [2, 2, 2]), (4, 6, [2, 2, 1, 1]), (7, 6, [1] * 7)]
)
def test_smaller_batches_are_shared_likewise(number, batch, counts):
    assert balanced_counts(number, batch) == counts


def test_the_default_of_three_classes_is_the_papers():
    assert balanced_counts(3) == [4, 3, 3]


def test_a_class_without_a_training_scan_is_named_with_what_to_do():
    names = ["none", "mild", "severe"]
    check_training_classes(ITEMS, names)
    with pytest.raises(
        UserError, match=r"no scan of class 'mild' among 2; .* --classes \"\['none', 'severe'\]"
    ):
        check_training_classes([{"label": 0}, {"label": 2}], names)
    with pytest.raises(UserError, match="no scan of class 'none' and 'mild' and 'severe' among 0; add scans"):
        check_training_classes([], names)


def test_shares_of_any_number_of_classes():
    items = [{"label": label} for label in (0, 0, 0, 1, 3)]
    balanced = ClassBalancedBatches([*items, {"label": 2}], [3, 3, 2, 2])
    assert balanced.class_shares(4) == [0.3, 0.3, 0.2, 0.2]
    assert ShuffledBatches(items, batch_size=2).class_shares(4) == [3 / 6, 1 / 6, 1 / 6, 1 / 6]
