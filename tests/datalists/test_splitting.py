import re
from collections import Counter

import pytest

from scripts.datalists import SplitPlan, split_items
from scripts.datalists.splitting import take_share
from scripts.errors import UserError

CLASSES = ["non-pneumonia", "other pneumonia", "COVID-19"]


def cohort(*sizes, scans=lambda patient: 1 + patient % 2, list_of=lambda patient: None, source=None):
    """Return the scans of so many patients of each class."""
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    made = []
    for patient, label in enumerate(labels):
        for scan in range(scans(patient)):
            item = {"image": f"{patient}_{scan}", "label": label, "patient": f"p{patient}"}
            item |= {"list": list_of(patient)} if list_of(patient) else {}
            made.append(item | ({"source": source(patient)} if source else {}))
    return made


def patients_of(items):
    """Return how many patients of each class there are."""
    return Counter({item["patient"]: item["label"] for item in items}.values())


def test_lists_and_folds_never_part_a_patient_and_lose_no_scan():
    items = cohort(40, 50, 30, scans=lambda patient: 1 + patient % 4)
    lists = split_items(items, SplitPlan())
    places = {}
    for name, own in lists.items():
        for item in own:
            places.setdefault(item["patient"], set()).add((name, item.get("fold")))
    assert all(len(place) == 1 for place in places.values())
    assert sorted(item["image"] for own in lists.values() for item in own) == sorted(
        i["image"] for i in items
    )


@pytest.mark.parametrize("sizes", [(40, 50, 30), (7, 97, 23), (120, 12, 12)])
@pytest.mark.parametrize(("test", "validation"), [(0.4, 0.1), (0.2, 0.3), (0.15, 0.07), (0.33, 0.33)])
def test_a_share_is_what_was_asked_within_one_patient_of_a_class(sizes, test, validation):
    lists = split_items(cohort(*sizes), SplitPlan(validation, test, folds=2))
    for name, share in (("test", test), ("validation", validation)):
        taken = patients_of(lists[name])
        assert all(abs(taken[label] - share * size) <= 1 for label, size in enumerate(sizes))


def test_a_share_takes_of_each_source_and_of_those_with_many_scans_in_proportion():
    items = cohort(
        40, 40, scans=lambda patient: 1 + 5 * (patient % 4 == 0), source=lambda patient: "AB"[patient % 2]
    )
    test = split_items(items, SplitPlan(0, 0.5, folds=2))["test"]
    assert Counter({i["patient"]: i["source"] for i in test}.values()) == {"A": 20, "B": 20}
    assert 80 <= len(test) <= 100  # of 180 scans


def test_a_number_of_patients_a_class_is_drawn_exactly_and_the_rest_lies_in_folds():
    """Wang et al. select on 20 scans a class, test on 200 a class and cross-validate the others."""
    plan = SplitPlan(validation_per_class=2, test_per_class=20, folds=5)
    lists = split_items(cohort(60, 40, 30), plan)
    assert patients_of(lists["test"]) == {0: 20, 1: 20, 2: 20}
    assert patients_of(lists["validation"]) == {0: 2, 1: 2, 2: 2}
    assert patients_of(lists["training"]) == {0: 38, 1: 18, 2: 8}
    assert {item["fold"] for item in lists["training"]} == set(range(5))


def test_classes_and_sources_are_spread_evenly_over_folds():
    items = cohort(30, 30, 30, source=lambda patient: "AB"[patient % 3 == 0], scans=lambda patient: 1)
    for fold in range(5):
        own = [i for i in split_items(items, SplitPlan(0, 0))["training"] if i["fold"] == fold]
        assert Counter(i["label"] for i in own) == {0: 6, 1: 6, 2: 6}
        assert Counter(i["source"] for i in own) == {"A": 12, "B": 6}


def test_random_folds_are_of_equal_size_and_pay_no_heed_to_class():
    items = cohort(50, 50, scans=lambda patient: 1)
    folds = split_items(items, SplitPlan(0, 0, random_folds=True))["training"]
    assert Counter(item["fold"] for item in folds) == dict.fromkeys(range(5), 20)
    assert len({sum(i["label"] for i in folds if i["fold"] == fold) for fold in range(5)}) > 1


def test_a_random_fold_without_a_class_is_refused():
    with pytest.raises(UserError, match=r"fold \d of --folds 5 has no scan of class 'other pneumonia'; try"):
        split_items(cohort(95, 5), SplitPlan(0, 0, random_folds=True), CLASSES)


def test_all_scans_may_be_a_test_set():
    items = cohort(1, 2, 3)
    assert split_items(items, SplitPlan(0, 1)) == {"training": [], "validation": [], "test": items}


def test_no_folds_are_numbered_where_none_are_asked_for():
    lists = split_items(cohort(3, 3), SplitPlan(folds=0))
    assert not any("fold" in item for item in lists["training"])


def test_the_seed_decides_and_the_items_order_does_not():
    items = cohort(40, 40, 40)
    one, same, other = (split_items(items, SplitPlan(seed=seed)) for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("sizes", [(40, 40, 7), (5, 40, 40), (40, 3, 9), (2, 2, 2), (1, 9, 9)])
@pytest.mark.parametrize(
    "plan",
    [
        SplitPlan(),
        SplitPlan(0.3, 0.3, folds=10),
        SplitPlan(0.1, 0.9 - 0.1, folds=5),
        SplitPlan(test_per_class=200, validation_per_class=20),
        SplitPlan(test=0, validation_per_class=3),
    ],
)
def test_the_advice_on_too_few_patients_works(sizes, plan):
    items = cohort(*sizes)
    try:
        split_items(items, plan, CLASSES)
        return
    except UserError as error:
        message = str(error)
    assert re.match(r"class '.*' has \d+ patients: ", message)
    advice = re.search(r"((?: --\w+ [\d.]+)+)(?:,| or)", message)[1].split()
    options = {flag[2:]: float(value) for flag, value in zip(advice[::2], advice[1::2], strict=True)}
    for name in ("validation", "test"):
        if name in options:
            options[f"{name}_per_class"] = None
    options = {
        name: value if name in ("validation", "test") else value and int(value)
        for name, value in options.items()
    }
    lists = split_items(items, SplitPlan(**{**vars(plan), **options}))
    assert sum(map(len, lists.values())) == len(items)


def test_too_few_patients_say_of_which_rest():
    with pytest.raises(UserError) as caught:
        split_items(cohort(40, 40, 7), SplitPlan(0.1, 0.3), CLASSES)
    assert str(caught.value) == (
        "class 'COVID-19' has 7 patients: --test 0.3 takes 2, --validation 0.1 takes 1 of them, "
        "which leaves 4; --folds 5 needs 5. Give --folds 4, or add patients of that class"
    )


def test_a_share_to_select_on_takes_one_patient_of_a_class_at_least():
    kept, taken = take_share(cohort(40, 3), 0.1, seed=0)
    assert patients_of(taken) == {0: 4, 1: 1} and patients_of(kept) == {0: 36, 1: 2}
    with pytest.raises(UserError, match="class 1 has one training patient"):
        take_share(cohort(40, 1), 0.1, seed=0)


def by_patient(patient):
    return "training" if patient < 40 else "validation"


def shuffled_cohort(list_of):
    """Return patients of three classes in turn, so that published lists hold all of them."""
    return [{**item, "label": int(item["patient"][1:]) % 3} for item in cohort(60, list_of=list_of)]


def test_published_lists_are_redrawn_unless_they_are_kept():
    lists = split_items(shuffled_cohort(by_patient), SplitPlan())
    assert {int(i["patient"][1:]) < 40 for i in lists["validation"]} == {True, False}
    assert all("list" not in item for name in lists for item in lists[name])


def test_kept_lists_stay_and_the_missing_one_is_drawn_from_training():
    lists = split_items(shuffled_cohort(by_patient), SplitPlan(folds=2, keep_published=True))
    assert {i["patient"] for i in lists["validation"]} == {f"p{k}" for k in range(40, 60)}
    assert lists["test"] and all(int(i["patient"][1:]) < 40 for i in lists["test"])
    assert {i["fold"] for i in lists["training"]} == {0, 1}
    assert not {i["patient"] for i in lists["training"]} & {i["patient"] for i in lists["test"]}


def test_kept_lists_lose_no_scan():
    made = shuffled_cohort(lambda patient: ("training", "training", "validation", "test")[patient // 15])
    lists = split_items(made, SplitPlan(folds=2, keep_published=True))
    for name, own in lists.items():
        assert {i["image"] for i in own} == {i["image"] for i in made if i["list"] == name}


def test_a_share_of_0_draws_nothing():
    assert not split_items(shuffled_cohort(by_patient), SplitPlan(test=0, folds=2, keep_published=True))[
        "test"
    ]


def test_a_published_split_that_parts_a_patient_is_refused_by_name():
    parted = shuffled_cohort(by_patient)
    parted[1]["list"], parted[2]["list"] = "training", "test"  # the two scans of patient 1
    with pytest.raises(UserError, match=r"parts the scans of 1 patients: p1 \(test and training\)"):
        split_items(parted, SplitPlan(keep_published=True))
    assert split_items(parted, SplitPlan())["test"]


@pytest.mark.parametrize(
    ("list_of", "plan", "message"),
    [
        (
            None,
            SplitPlan(keep_published=True),
            r"90 scans are in no published list \(0_0, 1_0, 1_1, \.\.\.\)",
        ),
        ("test", SplitPlan(keep_published=True), "training list is empty"),
        (None, SplitPlan(folds=1), "--folds 1: give 2 or more, or 0 for none"),
        (None, SplitPlan(test=-0.1), "a share is 0 to 1"),
        (None, SplitPlan(test=40), "--test 40.*a share is 0 to 1"),
        (None, SplitPlan(test_per_class=-1), "a number of patients is 0 or more"),
        (None, SplitPlan(0.5, 0.5), "--test 0.5 and --validation 0.5 leave no scans to train on"),
        (None, SplitPlan(0.1, 1), "--test 1 and --validation 0.1 leave no scans"),
        (None, SplitPlan(test=1, validation_per_class=2), "--test 1 and --validation_per_class 2 leave no"),
    ],
)
def test_an_impossible_plan_says_why(list_of, plan, message):
    with pytest.raises(UserError, match=message):
        split_items(shuffled_cohort(lambda _: list_of), plan)
