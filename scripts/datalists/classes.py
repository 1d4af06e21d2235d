"""The classes: their names, and which of them a scan's label means."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scripts.errors import UserError

__all__ = ["CLASSES", "ClassLabels", "checked_class_names", "whole_label"]

CLASSES = ("non-pneumonia", "other pneumonia", "COVID-19")
WHOLE_NUMBER = re.compile(r"-?\d{1,18}(\.0*)?")


class ClassLabels:
    """Read labels as indices of classes; class 0 is the negative one.

    A label is a number that counts the datalist's own classes, or a name. What ``label_mapping`` says of it
    comes first; else the name of its class is looked up among ``classes``. So one network can be trained and
    tested on files that number their classes differently, and no scan changes its class or is left out
    unless somebody said so.

    Args:
        own: names of the datalist's classes, or None where it names none: its numbers then count ``classes``.
        classes: names of the classes that labels are read as, in order. None: the datalist's own (or else
            ``default``) after the mapping, merged and without those left out, in the order of the file.
        label_mapping: from a label, a number or a name, to the name of a class, to None to leave its scans
            out, or, with ``classes`` given, to an index of these.
        default: stands in for ``classes`` where neither they nor the datalist's own are known.

    Raises:
        UserError: names are not a list of two or more different names, or the mapping has a key that is no
            class of the datalist, or leads to no class.

    Example:
        >>> merged = ClassLabels(CLASSES, label_mapping={"other pneumonia": "COVID-19", 0: "healthy"})
        >>> merged.names, merged.index(1), merged.index(0.0), merged.index("covid-19")
        (['healthy', 'COVID-19'], 1, 0, 1)
    """

    def __init__(
        self,
        own: Any = None,
        classes: Any = None,
        label_mapping: Mapping[Any, int | str | None] | None = None,
        default: Sequence[str] = CLASSES,
    ) -> None:
        if label_mapping is not None and not isinstance(label_mapping, Mapping):
            raise UserError(f"label_mapping is {_shown(label_mapping)}; expected {{label: class, ...}}")
        self.own = None if own is None else checked_class_names(own, "classes")
        follows = classes is None and self.own is not None
        if classes is None:
            self.names = list(self.own or default)
        else:
            self.names = checked_class_names(classes, "the classes asked for are")
        self.mapping: dict[int | str, int | str | None] = {}
        for label, target in (label_mapping or {}).items():
            self.mapping[self._key(label)] = self._target(label, target, follows)
        if follows and self.mapping:
            kept = [self.mapping.get(name.casefold(), name) for name in self.own or ()]
            kept += self.mapping.values()
            self.names = checked_class_names(
                _first_spellings(name for name in kept if isinstance(name, str)),
                "the classes left by label_mapping are",
            )
        self._places = {name.casefold(): place for place, name in enumerate(self.names)}

    def index(self, label: Any) -> int | None:
        """Return the class that a label means, or None if its scan is left out.

        Args:
            label: a whole number (``1``, ``1.0``, ``"1"``) or a name, whatever its case.

        Raises:
            ValueError: it is neither, or means none of the classes; the message says what was expected.
        """
        known = whole_label(label)
        if known is None:
            raise ValueError(f"label {_shown(label)}; expected {self._expected()}")
        key = self._key(known)
        if key in self.mapping:
            target = self.mapping[key]
            return self._places[target.casefold()] if isinstance(target, str) else target
        if isinstance(key, str) and key in self._places:
            return self._places[key]
        if isinstance(key, int) and self.own is None and not self.mapping and 0 <= key < len(self.names):
            return key
        if self.mapping or (self.own and isinstance(key, str)):
            named = "" if isinstance(known, str) or key == known else f" ({self._spelling(key)!r})"
            raise ValueError(
                f"label {_shown(label)}{named} means none of the classes {', '.join(self.names)}; "
                f"say which with label_mapping, or map it to null to leave its scans out"
            )
        advice = "; or say with label_mapping what it means" if isinstance(key, str) else ""
        raise ValueError(f"label {_shown(label)}; expected {self._expected()}{advice}")

    def check_keys(self, labels: Iterable[Any]) -> None:
        """Refuse a mapping of what is neither a class of the datalist nor a label in it.

        Args:
            labels: in the datalist. Where it names no classes, a mapping may know labels that are not in it.

        Raises:
            UserError: naming the key.
        """
        if self.own is None:
            return
        known = {self._key(label) for label in labels if whole_label(label) is not None}
        known.update(name.casefold() for name in self.own)
        unknown = [key for key in self.mapping if key not in known]
        if unknown:
            raise UserError(f"label_mapping has the label {unknown[0]!r}; expected {self._expected()}")

    def _key(self, label: Any) -> int | str:
        """Return a name as it is looked up; a number becomes the name that the datalist gives it."""
        known = whole_label(label)
        if known is None:
            raise UserError(f"label_mapping has the label {_shown(label)}; expected a whole number or a name")
        if isinstance(known, int) and self.own and 0 <= known < len(self.own):
            return self.own[known].casefold()
        return known if isinstance(known, int) else known.casefold()

    def _target(self, label: Any, target: Any, follows: bool) -> int | str | None:
        number = whole_label(target)
        if target is None:
            return None
        if isinstance(number, int) and follows:
            raise UserError(
                f"label_mapping gives {label!r} the number {_shown(target)}; give the name of a class: "
                f"numbers count classes that are asked for by name, and these follow from the datalist"
            )
        if isinstance(number, int) and 0 <= number < len(self.names):
            return number
        if isinstance(number, str) and (follows or number.casefold() in map(str.casefold, self.names)):
            return number
        raise UserError(
            f"label_mapping gives {label!r} the class {_shown(target)}; "
            f"expected {_numbered(self.names)}, or null to leave its scans out"
        )

    def _spelling(self, key: int | str) -> int | str:
        return next((name for name in self.own or () if name.casefold() == key), key)

    def _expected(self) -> str:
        return f"{_numbered(self.own or self.names)}, or the name of one"


def checked_class_names(names: Any, what: str) -> list[str]:
    """Return the names of two or more classes, in order.

    Args:
        names: a sequence, or MONAI's ``channel_def``, from "0", "1", ... to a name.
        what: they are, for the message, such as "classes".

    Raises:
        UserError: they are not two or more names, or two names differ in nothing but case, blanks and signs,
            so that no column of a table could tell them apart.
    """
    if isinstance(names, Mapping):
        names = list(names.values())
    is_list = isinstance(names, Sequence) and not isinstance(names, str)
    if not is_list or not all(isinstance(name, str) and _plain(name) for name in names):
        raise UserError(f"{what} {_shown(names)}; expected a list of names, of class 0 (the negative one) on")
    numbers = [name for name in names if isinstance(whole_label(name), int)]
    if numbers:
        raise UserError(f"{what} {_shown(names)}; {_shown(numbers[0])} is a number: give the class a name")
    plain = [_plain(name) for name in names]
    for place, name in enumerate(names):
        first = plain.index(plain[place])
        if first < place:
            raise UserError(
                f"{what} {_shown(names)}; {names[first]!r} and {name!r} are too alike: name each class once"
            )
    if len(names) < 2:
        raise UserError(f"{what} {_shown(names)}; there is nothing to tell apart: name two or more")
    return [name.strip() for name in names]


def whole_label(label: Any) -> int | str | None:
    """Return a label as a whole number or as a name without blanks around it; None if it is neither.

    Example:
        >>> [whole_label(label) for label in (1, 1.0, "1", " CT-2 ", True, 1.5, "", None)]
        [1, 1, 1, 'CT-2', None, None, None, None]
    """
    if isinstance(label, str):
        text = label.strip()
        return int(text.partition(".")[0]) if WHOLE_NUMBER.fullmatch(text) else text or None
    if isinstance(label, float):
        return int(label) if label.is_integer() else None
    return label if isinstance(label, int) and not isinstance(label, bool) else None


def _first_spellings(names: Iterable[str]) -> list[str]:
    """Return each name once, whatever its case, in the order and spelling of its first use."""
    seen: dict[str, str] = {}
    for name in names:
        seen.setdefault(name.casefold(), name)
    return list(seen.values())


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().casefold()


def _numbered(names: Sequence[str]) -> str:
    """Return ``0 one, 1 two or 2 three``."""
    *first, last = (f"{place} {name}" for place, name in enumerate(names))
    return f"{', '.join(first)} or {last}"


def _shown(value: Any) -> str:
    """Return a value as the file has it, cut where it is long."""
    return json.dumps(value, ensure_ascii=False, default=str)[:120]
