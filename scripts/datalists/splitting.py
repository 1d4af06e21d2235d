"""Items -> training (with folds), validation and test lists: drawn anew by patient, or as published."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from scripts.errors import UserError

from .layouts import first_names
from .schema import LISTS

__all__ = ["SplitPlan", "split_items", "take_share"]

Items = list[dict[str, Any]]
Lists = dict[str, Items]
HELD_OUT = ("test", "validation")  # in the order in which they are drawn


@dataclass(frozen=True)
class SplitPlan:
    """How to part the scans.

    Attributes:
        validation: share of each class's patients that select checkpoints, 0 to 1.
        test: share of each class's patients that are only reported on; 1 makes all of them a test set.
        folds: of the training list; 0: none.
        seed: of all that is drawn.
        keep_published: keep the lists of the publication, and draw only those that it lacks.
        validation_per_class: patients of each class, in place of the share.
        test_per_class: the same.
        random_folds: draw folds by patient without regard to class, as Wang et al. do.
    """

    validation: float = 0.1
    test: float = 0.2
    folds: int = 5
    seed: int = 0
    keep_published: bool = False
    validation_per_class: int | None = None
    test_per_class: int | None = None
    random_folds: bool = False

    def wanted(self, name: str, patients: int) -> int:
        """Return how many of a class's patients a list gets: within one of the share, and one at least."""
        count = getattr(self, f"{name}_per_class")
        share = getattr(self, name)
        return count if count is not None else max(round(share * patients), 1) if share else 0

    def flag(self, name: str) -> str:
        """Return the option that asks for a list."""
        count = getattr(self, f"{name}_per_class")
        return f"--{name} {getattr(self, name):g}" if count is None else f"--{name}_per_class {count}"


def split_items(items: Items, plan: SplitPlan, classes: Sequence[str] = ()) -> Lists:
    """Part scans by patient; the items' own ``list`` is taken away, training items gain ``fold``.

    A list takes its share of the patients of each class, and of each source in the class, drawn at random.

    Args:
        items: each with ``label``, ``patient`` and, where published, ``list``.
        plan: see :class:`SplitPlan`. With published lists, what is drawn for a list that the publication
            lacks comes from its training list.
        classes: their names, by label, for messages.

    Raises:
        UserError: the plan makes no sense; a class has too few patients for it: the message says of which
            rest, and what would do; a fold drawn at random lacks a class; or the published lists are asked
            for and are not there, or part a patient's scans.
    """
    _check_plan(plan)
    bare = [{key: value for key, value in item.items() if key != "list"} for item in items]
    lists: Lists = {name: [] for name in LISTS}
    rest = bare
    if plan.keep_published:
        _check_published(items)
        for item, written in zip(items, bare, strict=True):
            lists[item["list"]].append(written)
        rest = lists["training"]
        if not rest:
            raise UserError("--keep_split: the published training list is empty")
        plan = _without(plan, [name for name in HELD_OUT if lists[name]])
    patients = Counter(_labels(rest).values())
    _check_enough(plan, patients, classes)
    for name in HELD_OUT:
        counts = {label: plan.wanted(name, number) for label, number in patients.items()}
        if any(counts.values()):
            rest, lists[name] = _take(rest, counts, plan.seed)
    lists["training"] = _numbered(rest, plan, classes)
    return lists


def take_share(items: Items, share: float, seed: int) -> tuple[Items, Items]:
    """Return the items that stay and those taken: a share of the patients of each class, at least one.

    Args:
        items: datalist items, each with ``label`` and ``patient``.
        share: to take, 0 to 1.
        seed: of the drawing.

    Raises:
        UserError: a class has one patient only, who cannot be on both sides.
    """
    patients = Counter(_labels(items).values())
    if share <= 0:
        return items, []
    lone = [label for label, count in patients.items() if count < 2]
    if lone:
        raise UserError(
            f"class {lone[0]} has one training patient, who cannot also select the checkpoint: "
            f"add patients of it, or a validation list to the datalist"
        )
    return _take(items, {label: max(round(share * count), 1) for label, count in patients.items()}, seed)


def _labels(items: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return each patient's class; of contradictory labels, which an audit finds, the first."""
    labels: dict[str, int] = {}
    for item in items:
        labels.setdefault(item["patient"], item["label"])
    return labels


def _take(items: Items, counts: Mapping[int, int], seed: int) -> tuple[Items, Items]:
    """Take so many patients of each class: of every source, and of those with many scans, in proportion."""
    labels = _labels(items)
    scans = Counter(item["patient"] for item in items)
    sources = {item["patient"]: str(item.get("source") or "") for item in items}
    taken: set[str] = set()
    for label, count in counts.items():
        members = [patient for patient, own in labels.items() if own == label]
        random = np.random.default_rng((seed, label))
        shuffled = [members[k] for k in random.permutation(len(members))]
        ordered = sorted(shuffled, key=lambda patient: (sources[patient], scans[patient]))
        start = int(random.integers(len(members)))
        steps = (start + count * np.arange(len(members) + 1)) // len(members)  # evenly along the order
        taken.update(patient for patient, step in zip(ordered, np.diff(steps), strict=True) if step)
    return [i for i in items if i["patient"] not in taken], [i for i in items if i["patient"] in taken]


def _numbered(training: Items, plan: SplitPlan, classes: Sequence[str]) -> Items:
    """Return the training items with their folds, made by scikit-learn, which keeps a patient together."""
    if not plan.folds or not training:
        return training
    kind = GroupKFold if plan.random_folds else StratifiedGroupKFold
    splitter = kind(plan.folds, shuffle=True, random_state=plan.seed)
    labels = np.array([item["label"] for item in training])
    patients = [item["patient"] for item in training]
    numbered = [dict(item) for item in training]
    for fold, (_, members) in enumerate(splitter.split(labels, _strata(training, plan.folds), patients)):
        absent = sorted({*labels.tolist()} - {*labels[members].tolist()})
        if absent:
            advice = ", or leave --random_folds away" if plan.random_folds else " or fewer folds"
            raise UserError(
                f"fold {fold} of --folds {plan.folds} has no scan of class {_name(absent[0], classes)}; "
                f"try another --seed{advice}"
            )
        for index in members:
            numbered[index]["fold"] = fold
    return numbered


def _strata(training: Items, folds: int) -> np.ndarray:
    """Number what folds hold in proportion: classes, and sources in them that are large enough."""
    labels = _labels(training)
    sources = {item["patient"]: str(item.get("source") or "") for item in training}
    sizes = Counter((labels[patient], source) for patient, source in sources.items())
    few = {label for (label, _), size in sizes.items() if size < folds}
    own = [(item["label"], sources[item["patient"]] * (item["label"] not in few)) for item in training]
    places = {key: place for place, key in enumerate(sorted(set(own)))}
    return np.array([places[key] for key in own])


def _check_plan(plan: SplitPlan) -> None:
    if plan.folds < 0 or plan.folds == 1:
        raise UserError(f"--folds {plan.folds}: give 2 or more, or 0 for none")
    shares = {name: getattr(plan, name) for name in HELD_OUT if getattr(plan, f"{name}_per_class") is None}
    if any(not 0 <= share <= 1 for share in shares.values()):
        flags = " ".join(plan.flag(name) for name in shares)
        raise UserError(f"{flags}: a share is 0 to 1")
    if any((getattr(plan, f"{name}_per_class") or 0) < 0 for name in HELD_OUT):
        raise UserError(f"{plan.flag('test')} {plan.flag('validation')}: a number of patients is 0 or more")
    all_tested = shares.get("test") == 1
    none_left = plan.wanted("validation", 1) > 0 if all_tested else sum(shares.values()) >= 1
    if none_left:
        flags = " and ".join(plan.flag(name) for name in HELD_OUT)
        raise UserError(
            f"{flags} leave no scans to train on; lower them, or make all scans a test set: "
            f"--test 1 --validation 0"
        )


def _check_enough(plan: SplitPlan, patients: Mapping[int, int], classes: Sequence[str]) -> None:
    """Refuse a plan for which a class has too few patients, and name one that works."""
    all_tested = plan.test == 1 and plan.test_per_class is None
    short = None if all_tested else _short(plan, patients)
    if short is None:
        return
    count = patients[short]
    parts = [f"{plan.flag(name)} takes {plan.wanted(name, count)}" for name in HELD_OUT]
    parts = [part for name, part in zip(HELD_OUT, parts, strict=True) if plan.wanted(name, count)]
    left = count - sum(plan.wanted(name, count) for name in HELD_OUT)
    needed = f"--folds {plan.folds} needs {plan.folds}" if plan.folds else "training needs 1"
    taken = f"{', '.join(parts)} of them, which leaves {max(left, 0)}; " if parts else ""
    raise UserError(
        f"class {_name(short, classes)} has {count} patients: {taken}{needed}. "
        f"{_advice(plan, patients)}, or add patients of that class"
    )


def _short(plan: SplitPlan, patients: Mapping[int, int]) -> int | None:
    """Return the class that lacks most patients for a plan; None where all have enough."""
    spare = {
        label: count - sum(plan.wanted(name, count) for name in HELD_OUT) - max(plan.folds, 1)
        for label, count in patients.items()
    }
    worst = min(spare, key=lambda label: spare[label], default=None)
    return None if worst is None or spare[worst] >= 0 else worst


def _advice(plan: SplitPlan, patients: Mapping[int, int]) -> str:
    """Return options by which every class has enough patients, the fewest changes first."""
    fewer = [replace(plan, folds=folds) for folds in range(plan.folds - 1, 1, -1)]
    smaller = [replace(plan, test_per_class=count) for count in range((plan.test_per_class or 0) - 1, 0, -1)]
    without = [replace(plan, folds=0)]
    for names in (("validation",), ("test",), HELD_OUT):
        without += [replace(_without(plan, names), folds=folds) for folds in (plan.folds, 2, 0)]
    for other in [*fewer, *smaller, *without]:
        if _short(other, patients) is None:
            changed = [other.flag(name) for name in HELD_OUT if other.flag(name) != plan.flag(name)]
            changed += [f"--folds {other.folds}"] if other.folds != plan.folds else []
            return f"Give {' '.join(changed)}"
    return "Make all scans a test set, --test 1 --validation 0"


def _without(plan: SplitPlan, names: Sequence[str]) -> SplitPlan:
    none: dict[str, Any] = dict.fromkeys(names, 0.0)
    none |= {f"{name}_per_class": None for name in names}
    return replace(plan, **none)


def _name(label: int, classes: Sequence[str]) -> str:
    return repr(classes[label]) if label < len(classes) else str(label)


def _check_published(items: Items) -> None:
    unlisted = [item["image"] for item in items if "list" not in item]
    if unlisted:
        raise UserError(
            f"--keep_split: {len(unlisted)} scans are in no published list ({first_names(unlisted)}); "
            f"leave --keep_split away to draw the lists by patient"
        )
    homes: dict[str, set[str]] = {}
    for item in items:
        homes.setdefault(item["patient"], set()).add(item["list"])
    parted = [
        f"{patient} ({' and '.join(sorted(lists))})" for patient, lists in homes.items() if len(lists) > 1
    ]
    if parted:
        raise UserError(
            f"--keep_split: the published split parts the scans of {len(parted)} patients: "
            f"{first_names(parted, 5)}; leave --keep_split away to draw the lists by patient"
        )
