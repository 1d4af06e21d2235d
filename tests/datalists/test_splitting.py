from collections import Counter

import pytest

from scripts.datalists import split_by_patient
from scripts.errors import UserError

ITEMS = [
    {"image": f"{patient}_{scan}.nii.gz", "label": patient % 3, "patient": f"p{patient}"}
    for patient in range(120)
    for scan in range(1 + patient % 2)
]


def test_lists_and_folds_never_part_a_patient():
    lists = split_by_patient(ITEMS, validation=0.1, test=0.2)
    places = {}
    for name, items in lists.items():
        for item in items:
            places.setdefault(item["patient"], set()).add((name, item.get("fold")))
    assert all(len(place) == 1 for place in places.values())
    assert sum(map(len, lists.values())) == len(ITEMS)


def test_classes_are_spread_evenly_over_lists_and_folds():
    lists = split_by_patient(ITEMS, validation=0.1, test=0.2)
    parts = [[item for item in lists["training"] if item["fold"] == fold] for fold in range(5)]
    for part in [lists["validation"], lists["test"], *parts]:
        counts = Counter(item["label"] for item in part)
        assert min(counts.values()) >= 0.5 * max(counts.values())


def test_shares_are_about_what_was_asked():
    lists = split_by_patient(ITEMS, validation=0.1, test=0.2)
    assert len(lists["test"]) / len(ITEMS) == pytest.approx(0.2, abs=0.04)
    assert len(lists["validation"]) / len(ITEMS) == pytest.approx(0.1, abs=0.04)


def test_the_seed_decides():
    one, same, other = (split_by_patient(ITEMS, 0.1, 0.2, seed=seed) for seed in (1, 1, 2))
    assert one == same != other


def test_too_few_patients_of_a_class_are_named():
    others, (first, *_) = [i for i in ITEMS if i["label"] != 2], [i for i in ITEMS if i["label"] == 2]
    with pytest.raises(UserError, match="class 2 has 1 patients, too few"):
        split_by_patient([*others, first], validation=0.1, test=0.2)


def test_shares_that_leave_nothing_are_refused():
    with pytest.raises(UserError, match="leave no scans to train on"):
        split_by_patient(ITEMS, validation=0.5, test=0.5)
