"""Take out of a datalist what the reader or the audit refuses: ``python -m scripts.datalists clean FILE``.

The file is replaced, what it was stays beside it, and what was taken out stays in it, with the reason.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import cpu_count

from scripts.datalists import read_datalist, refusals_foreseen, write_datalist
from scripts.errors import UserError, show_user_errors_in_one_line
from scripts.files import write_whole
from scripts.text_files import read_json

from .auditing import AUDIT, audit_measured, datalist_hash
from .findings import write_report
from .gathering import measure_items
from .likeness import ALIKE, alike_pairs
from .lists import file_identity, place_items
from .measuring import Measurement

__all__ = ["clean_datalist", "main", "scans_to_remove"]

Item = dict[str, Any]
Removals = dict[int, tuple[str, str]]  # index among the items: the check that refuses it, and why
WINDOW = (-500.0, 1500.0)  # level, width in HU: what the networks look at unless told otherwise
KEPT_FIRST = ("test", "validation", "training")  # of the same scan, or patient, in two lists
LISTS = ("training", "validation", "test")


def clean_datalist(
    datalist: str | Path,
    output: str | Path | None = None,
    audit: bool = False,
    window: tuple[float, float] = WINDOW,
    workers: int | None = None,
    progress: bool = False,
) -> list[Item]:
    """Write a datalist without the scans that cannot be used.

    Without ``audit`` these are the scans that the reader refuses. With it also those for which the audit
    fails: whose slices are no whole, regular stack; whose label another scan of the patient, or a copy,
    contradicts; copies, and patients' scans on both sides of a split, of which the reported ones stay. The
    audit of what is left is written beside it.

    Args:
        datalist: the ``datalist.json``; measurements of an earlier audit beside it are used.
        output: the file to write; None replaces the datalist, and keeps the old one as
            ``datalist.before_cleaning.json``.
        audit: see above.
        window: (level, width) in HU that the network will look at.
        workers: processes; all cores if None.
        progress: show a progress bar.

    Returns:
        What was taken out, as the file's field ``removed`` has it: each item with its ``list``, the ``check``
        and the ``reason``. Nothing is written where it is empty.

    Raises:
        UserError: the datalist cannot be read, or nothing would be left of it, or the file cannot be written.
    """
    source, target = Path(datalist), Path(output or datalist)
    lists = read_datalist(source, refuse_overlap=False)
    items = place_items(lists)
    measured = measure_items(
        items, False, workers or cpu_count(), source.with_name(AUDIT).with_suffix(".sqlite"), progress
    )
    found = scans_to_remove(items, measured, audit, window)
    if len(found) == len(items):
        (check, reason), count = Counter(found.values()).most_common(1)[0]
        raise UserError(
            f"{source}: nothing would be left of {len(items)} scans; {count} of them: {check}: {reason}"
        )
    if not found:
        return []
    content = read_json(source)
    places = [(name, place) for name in LISTS for place in range(len(lists[name]))]
    removed = []
    kept: dict[str, list[Item]] = {name: [] for name in LISTS}
    for index, (name, place) in enumerate(places):
        item = content[name][place]
        if index in found:
            check, reason = found[index]
            removed.append({**item, "list": name, "check": check, "reason": reason})
        else:
            kept[name].append(item)
    content |= {"removed": [*content.get("removed", []), *removed], "cleaned_from": datalist_hash(source)}
    if target == source:
        _keep_aside(source)
    write_datalist(target, {**content, **kept}, overwrite=True)
    if audit:
        rest = [item for index, item in enumerate(items) if index not in found]
        known = {item["key"]: measured[item["key"]] for item in rest}
        write_report(audit_measured(target, rest, known), target.with_name(AUDIT).with_suffix(".html"))
    return removed


def scans_to_remove(
    items: Sequence[Item],
    measured: Mapping[str, Measurement],
    audit: bool = False,
    window: tuple[float, float] = WINDOW,
) -> Removals:
    """Return the scans that cannot be used, by index, each with the check that refuses it and why.

    Args:
        items: see :func:`~.lists.place_items`.
        measured: by ``key``.
        audit: also what only an audit refuses.
        window: (level, width) in HU that the network will look at.
    """
    found: Removals = {}
    foreseen = {refusal.name: refusal for refusal in refusals_foreseen(items, window)}
    for index, item in enumerate(items):
        known = measured[item["key"]]
        if known.refusal:
            found[index] = ("readable", f"[{known.refusal[0]}] {known.refusal[1]}")
        elif item["name"] in foreseen:
            refusal = foreseen[item["name"]]
            found[index] = ("readable", f"[{refusal.code}] {refusal.reason}")
    if audit:
        pairs = list(_alike(items, measured, found))
        for check in (_faulty_stacks, _contradictions, _overlaps, _copies):
            left = [index for index in range(len(items)) if index not in found]
            found |= check(items, measured, left, pairs)
            pairs = [pair for pair in pairs if not found.keys() & {*pair[:2]}]
    return dict(sorted(found.items()))


def _alike(
    items: Sequence[Item], measured: Mapping[str, Measurement], found: Removals
) -> Iterator[tuple[int, int, str]]:
    """Give pairs of the same scan; of one patient in one place, two kernels may be alike and are two."""
    groups: dict[str, list[int]] = {}
    seen: dict[int, np.ndarray] = {}
    for index, item in enumerate(items):
        if index in found:
            continue
        known = measured[item["key"]]
        for identity in [*file_identity(item), *([f"content {known.content}"] if known.content else [])]:
            groups.setdefault(identity, []).append(index)
        if known.signature is not None:
            seen[index] = known.signature
    for own in groups.values():
        yield from ((a, b, "the same as") for place, a in enumerate(own) for b in own[place + 1 :])
    if len(seen) > 1:
        indices = list(seen)
        for i, j, _ in alike_pairs(np.stack(list(seen.values())), ALIKE):
            a, b = items[indices[i]], items[indices[j]]
            if a["place"] != b["place"] or a["patient"] != b["patient"]:
                yield indices[i], indices[j], "nearly the same as"


def _faulty_stacks(
    items: Sequence[Item], measured: Mapping[str, Measurement], left: Sequence[int], pairs: Any
) -> Removals:
    found: Removals = {}
    for index in left:
        known = measured[items[index]["key"]]
        faults = [
            f"{count} slices {fault.replace('_', ' ')}" for fault, count in known.slices.items() if count
        ]
        faults += ["its slices run upside down"] if "upside_down" in known.flags else []
        if faults:
            found[index] = ("slices", ", ".join(faults))
    return found


def _contradictions(
    items: Sequence[Item], measured: Any, left: Sequence[int], pairs: Sequence[tuple[int, int, str]]
) -> Removals:
    """Take out all scans of a patient or content with several labels: nobody knows which is right."""
    own: dict[str, set[int]] = {}
    for index in left:
        own.setdefault(str(items[index]["patient"]), set()).add(items[index]["label"])
    found: Removals = {}
    for index in left:
        labels = own[str(items[index]["patient"])]
        if len(labels) > 1:
            found[index] = (
                "label_conflict",
                f"its patient has the labels {', '.join(map(str, sorted(labels)))}",
            )
    for a, b, how in pairs:
        if items[a]["label"] != items[b]["label"]:
            for one, other in ((a, b), (b, a)):
                reason = f"{how} {items[other]['name']}, which has another label"
                found.setdefault(one, ("label_conflict", reason))
    return found


def _overlaps(items: Sequence[Item], measured: Any, left: Sequence[int], pairs: Any) -> Removals:
    """Leave a patient's scans in one place: the one that is reported, else the fold with most of them."""
    places: dict[str, Counter[str]] = {}
    for index in left:
        places.setdefault(str(items[index]["patient"]), Counter())[items[index]["place"]] += 1
    found: Removals = {}
    for index in left:
        own = places[str(items[index]["patient"])]
        home = min(own, key=lambda place: (_rank(place), -own[place], place))
        if items[index]["place"] != home:
            found[index] = ("patient_overlap", f"its patient has scans in {home} too, which stay")
    return found


def _copies(
    items: Sequence[Item], measured: Any, left: Sequence[int], pairs: Sequence[tuple[int, int, str]]
) -> Removals:
    """Keep one of each scan."""
    twins: dict[int, dict[int, str]] = {}
    for a, b, how in pairs:
        twins.setdefault(a, {}).setdefault(b, how)
        twins.setdefault(b, {}).setdefault(a, how)
    found: Removals = {}
    kept: set[int] = set()
    for index in sorted(left, key=lambda index: (_rank(items[index]["place"]), index)):
        twin = next((other for other in twins.get(index, {}) if other in kept), None)
        if twin is None:
            kept.add(index)
            continue
        how = twins[index][twin]
        check = "identical_scans" if how == "the same as" else "near_identical_scans"
        reason = f"{how} {items[twin]['name']} of patient {items[twin]['patient']} in {items[twin]['place']}"
        found[index] = (check, reason)
    return found


def _rank(place: str) -> int:
    return KEPT_FIRST.index(place.split(" ")[0])


def _keep_aside(datalist: Path) -> None:
    """Copy a datalist beside itself, under a name that is free."""
    number = 1
    while True:
        mark = "before_cleaning" if number == 1 else f"before_cleaning_{number}"
        aside = datalist.with_name(f"{datalist.stem}.{mark}{datalist.suffix}")
        if not aside.exists():
            write_whole(aside, datalist.read_bytes())
            return
        number += 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Clean a datalist, and print a line for each scan that was taken out."""
    parser = argparse.ArgumentParser(prog="python -m scripts.datalists clean", description=__doc__)
    add = parser.add_argument
    add("datalist", metavar="datalist.json", type=Path, help="the datalist to clean")
    add("--audit", action="store_true", help="take out what the audit refuses, too, and audit what is left")
    add("--output", type=Path, help="write another file (default: replace this one, and keep it aside)")
    add(
        "--window",
        type=float,
        nargs=2,
        default=WINDOW,
        metavar=("LEVEL", "WIDTH"),
        help="in HU, that the network looks at (default: -500 1500)",
    )
    add("--workers", type=int, help="processes (default: all cores)")
    options = parser.parse_args(arguments)
    show_user_errors_in_one_line()
    removed = clean_datalist(
        options.datalist, options.output, options.audit, tuple(options.window), options.workers, progress=True
    )
    for item in removed:
        print(f"removed from {item['list']}: {item['image']}: {item['check']}: {item['reason']}")
    target = options.output or options.datalist
    written = f"{target} lists them as `removed`" if removed else "nothing to remove; nothing was written"
    print(f"{len(removed)} scans removed; {written}")


if __name__ == "__main__":
    main()
