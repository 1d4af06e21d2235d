"""What is asked of a layout, and what it answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.errors import UserError

from ..classes import CLASSES, ClassLabels

__all__ = ["Collection", "Layout", "Request", "class_of_negatives", "first_names"]

NEGATIVES = {"0": 0, "1": 1, "left_out": None}


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        root: the folder of the data set.
        csv: the table that goes with the tree, where the layout needs one or has another than its own.
        negatives_are: class of those who are only known not to have COVID-19: "0", "1" or "left_out".
        series: "all" makes each axial series a scan, not one a study.
        source: name of the source, where the layout has none.
        skip_missing: leave out, and list, scans that a table names but the tree lacks.
        classes: names of the classes, where they are not those of the layout.
        label_mapping: from the layout's classes, or a table's labels, to ``classes``; see
            :class:`ClassLabels`.
    """

    root: Path
    csv: Path | None = None
    negatives_are: str | None = None
    series: str | None = None
    source: str | None = None
    skip_missing: bool = False
    classes: Sequence[str] | None = None
    label_mapping: Mapping[Any, int | str | None] | None = None

    def labels(self, own: Sequence[str] | None = None) -> ClassLabels:
        """Return how labels are read.

        Args:
            own: names of the classes that they count; None: they are a table's, and count ``classes``.
        """
        return ClassLabels(own, self.classes, self.label_mapping)


@dataclass
class Collection:
    """The scans of a tree.

    Attributes:
        label_meaning: what each label means in each source, ``{source: {label: meaning}}``.
        notes: what whoever uses these scans should know.
        items: datalist items; ``image`` and masks are relative to the root, ``list`` is the published
            list ("training", "validation", "test") where there is one, ``released_as`` the release's own
            word for the class, and neither is written.
        left_out: reason to names, of all that lies in the tree or table and is in no item.
    """

    label_meaning: dict[str, dict[str, str]]
    notes: list[str] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def leave_out(self, reason: str, names: Iterable[str]) -> None:
        """Record what is in no item, and why."""
        for name in names:
            self.left_out.setdefault(reason, []).append(name)

    def relabel(self, labels: ClassLabels) -> None:
        """Read the labels, and what they mean, as the classes that the user asks for.

        A mapping may name the classes of the layout, or what the release itself calls them (``CT-3``,
        ``NCP``), which an item's field ``released_as`` says; that comes first.

        Raises:
            UserError: a label means none of them, or the mapping names what is not there.
        """
        released = {str(item["released_as"]) for item in self.items if "released_as" in item}
        labels.check_keys(released)
        mapped = {name for name in released if name.casefold() in labels.mapping}
        targets: dict[tuple[int, str], int | None] = {}
        for item in self.items:
            named = item.get("released_as", "") if item.get("released_as") in mapped else ""
            try:
                target = labels.index(named or item["label"])
            except ValueError as error:
                raise UserError(f"{item['image']}: {error}") from None
            targets[item["label"], named] = target
            item["label"] = target
        self.leave_out(
            "left out by --label_mapping", [item["image"] for item in self.items if item["label"] is None]
        )
        self.items = [item for item in self.items if item["label"] is not None]
        for source, meanings in self.label_meaning.items():
            merged: dict[str, list[str]] = {}
            for (label, named), target in targets.items():
                if target is not None and str(label) in meanings:
                    meaning = meanings[str(label)]
                    merged.setdefault(str(target), []).append(f"{named}: {meaning}" if named else meaning)
            self.label_meaning[source] = {
                label: "; or ".join(dict.fromkeys(parts)) for label, parts in sorted(merged.items())
            }

    def miss(self, request: Request, table: Path, names: list[str]) -> None:
        """Refuse, or leave out if the user says so, what a table names and the tree lacks.

        Raises:
            UserError: something is missing and ``skip_missing`` is not set.
        """
        if names and not request.skip_missing:
            raise UserError(
                f"{table}: names {len(names)} scans that are not under {request.root}: {first_names(names)}; "
                f"complete the tree, or give --skip_missing to leave them out"
            )
        self.leave_out(f"named in {table.name} but missing", names)


@dataclass(frozen=True)
class Layout:
    """A published way of laying out a data set.

    Attributes:
        collect: finds the scans.
        tree: what the root holds, in one line.
        takes: fields of :class:`Request` that it uses beside the root.
        classes: names of the classes that its labels count; None: it reads labels by :meth:`Request.labels`.
    """

    collect: Callable[[Request], Collection]
    tree: str
    takes: frozenset[str] = frozenset()
    classes: tuple[str, ...] | None = CLASSES


def class_of_negatives(request: Request, layout: str, who: str) -> int | None:
    """Return the class that the user gives to a source's negatives, or None to leave them out.

    A negative test is no finding: such a patient may have healthy lungs, another pneumonia or a missed
    COVID-19. So there is no default.

    Args:
        request: its ``negatives_are`` is the answer.
        layout: for the message.
        who: for the message: who the negatives are in this source.

    Raises:
        UserError: the user has not decided, or not for one of the choices.
    """
    if request.negatives_are is None:
        raise UserError(
            f"layout {layout}: {who}, which says nothing about another pneumonia; decide with "
            f"--negatives_are 0 (non-pneumonia), 1 (other pneumonia) or left_out"
        )
    if request.negatives_are not in NEGATIVES:
        raise UserError(f"--negatives_are {request.negatives_are}: expected {', '.join(NEGATIVES)}")
    return NEGATIVES[request.negatives_are]


def first_names(names: Iterable[str], count: int = 3) -> str:
    """Name the first few.

    >>> first_names(["a", "b", "c", "d"])
    'a, b, c, ...'
    """
    names = list(names)
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")
