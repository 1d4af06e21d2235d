import pytest

from scripts.datalists import SplitPlan
from scripts.datalists.splits import split_items
from scripts.errors import UserError


def items(list_of=lambda patient: None):
    made = []
    for patient in range(60):
        for scan in range(1 + patient % 2):
            item = {"image": f"{patient}_{scan}", "label": patient % 3, "patient": f"p{patient}"}
            made.append({**item, "list": list_of(patient)} if list_of(patient) else item)
    return made


def by_patient(patient):
    return "training" if patient < 40 else "validation"


def test_published_lists_are_redrawn_unless_they_are_kept():
    lists = split_items(items(by_patient), SplitPlan())
    assert {int(i["patient"][1:]) < 40 for i in lists["validation"]} == {True, False}
    assert all("list" not in item for name in lists for item in lists[name])


def test_kept_lists_stay_and_the_missing_one_is_drawn_from_training():
    lists = split_items(items(by_patient), SplitPlan(folds=2, keep_published=True))
    assert {i["patient"] for i in lists["validation"]} == {f"p{k}" for k in range(40, 60)}
    assert lists["test"] and all(int(i["patient"][1:]) < 40 for i in lists["test"])
    assert {i["fold"] for i in lists["training"]} == {0, 1}
    assert not {i["patient"] for i in lists["training"]} & {i["patient"] for i in lists["test"]}


def test_kept_lists_lose_no_scan():
    made = items(lambda patient: ("training", "training", "validation", "test")[patient // 15])
    lists = split_items(made, SplitPlan(folds=2, keep_published=True))
    for name, own in lists.items():
        assert {i["image"] for i in own} == {i["image"] for i in made if i["list"] == name}


def test_a_share_of_0_draws_nothing():
    assert not split_items(items(by_patient), SplitPlan(test=0, folds=2, keep_published=True))["test"]


def test_a_published_split_that_parts_a_patient_is_refused_by_name():
    parted = items(by_patient)
    parted[1]["list"], parted[2]["list"] = "training", "test"  # the two scans of patient 1
    with pytest.raises(UserError, match=r"parts the scans of 1 patients: p1 \(test and training\)"):
        split_items(parted, SplitPlan(keep_published=True))
    assert split_items(parted, SplitPlan())["test"]


@pytest.mark.parametrize(
    ("made", "plan", "message"),
    [
        (
            items(),
            SplitPlan(keep_published=True),
            r"90 scans are in no published list \(0_0, 1_0, 1_1, \.\.\.\)",
        ),
        (items(lambda _: "test"), SplitPlan(keep_published=True), "training list is empty"),
        (items(), SplitPlan(folds=1), "--folds 1: give 2 or more"),
        (items(), SplitPlan(test=-0.1), "a share is 0 to 1"),
        (items(), SplitPlan(folds=40), "class 0 has .* patients, too few"),
    ],
)
def test_an_impossible_plan_says_why(made, plan, message):
    with pytest.raises(UserError, match=message):
        split_items(made, plan)
