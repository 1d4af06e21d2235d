"""Several datalists -> one, with its own split: patients apart by source, classes by name."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.text_files import read_json

from .building import check_scans, notes_on, relative_item, split_record, write_datalist
from .classes import ClassLabels, whole_label
from .layouts import first_names
from .reading import FILE_KEYS
from .schema import LISTS, load_datalist
from .splitting import SplitPlan, split_items

__all__ = ["join_datalists"]


@dataclass(frozen=True)
class _Part:
    """One of the datalists that are joined.

    Attributes:
        path: of the file.
        title: of the part in messages.
        content: of the file, as it is written.
        classes: names that its labels count, after the mapping.
        mapping: the labels of the mapping that it knows.
        sources: what each source that it names is called in the whole; "" stands for none.
    """

    path: Path
    title: str
    content: dict[str, Any]
    classes: list[str]
    mapping: dict[Any, Any] | None
    sources: dict[str, str]


def join_datalists(
    paths: Sequence[str | Path] | Mapping[Path, str],
    output: str | Path,
    plan: SplitPlan | None = None,
    sources: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    label_mapping: Mapping[str, str | None] | None = None,
    same_patients: bool = False,
    name: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write one datalist of the scans of several, parted anew.

    A patient belongs to a source: patients of two sources are two people, whatever they are called. A scan
    that names no source is of its datalist's folder.

    Args:
        paths: of two or more datalists, or what messages are to call the datalist of each path.
        output: the ``datalist.json`` to write; its paths are relative to its folder.
        plan: how to part the scans; ``keep_published`` keeps the lists that they are in.
        sources: a name for each datalist, which stands before those that its scans name, if several.
        classes: of the whole; None: those of all datalists together, which must not contradict in order.
        label_mapping: from the names of their classes to those of the whole, or to None to leave scans out.
        same_patients: patients of one source and one name in two datalists are the same people.
        name: of the datalist.
        overwrite: replace another datalist that lies there.

    Returns:
        The content, as written: with ``joined``, the name and the hash of each part.

    Raises:
        UserError: a datalist cannot be read, their classes or patients do not fit together, a scan is in two,
            the split is impossible, or another datalist is in the way.
    """
    output, plan = Path(output), plan or SplitPlan()
    if len(paths) < 2:
        raise UserError("join takes two datalists or more")
    if sources is not None and len(sources) != len(paths):
        raise UserError(f"--sources has {len(sources)} names for {len(paths)} datalists; give one for each")
    titles = paths if isinstance(paths, Mapping) else {}
    parts = [
        _part(
            Path(path), str(titles.get(Path(path), path)), label_mapping, sources[place] if sources else None
        )
        for place, path in enumerate(paths)
    ]
    _check_mapping(label_mapping, parts)
    names = ClassLabels(None, classes or _merged_classes(parts)).names
    items = [_items(part, names) for part in parts]
    if not same_patients:
        _check_strangers(parts, items)
    whole = [item for own in items for item in own]
    check_scans(whole)
    lists = split_items(whole, plan, names)
    hashes = [hashlib.sha256(part.path.read_bytes()).hexdigest() for part in parts]
    digest = hashlib.sha256("".join(hashes).encode()).hexdigest()
    content = {
        "name": name or f"{' + '.join(str(part.content.get('name') or part.title) for part in parts)}",
        "classes": names,
        "joined": [
            {"name": part.content.get("name"), "datalist_sha256": own}
            for part, own in zip(parts, hashes, strict=True)
        ],
        "seed": plan.seed,
        "split": split_record(plan),
        "label_meaning": _meanings(parts, names),
        "notes": _notes(parts, whole, names),
        "left_out": _left_out(parts),
        "content_hash": digest,
        **{list_: [relative_item(item, Path("/"), output) for item in lists[list_]] for list_ in LISTS},
    }
    write_datalist(output, content, overwrite)
    return content


def _part(
    path: Path, title: str, label_mapping: Mapping[str, str | None] | None, source: str | None
) -> _Part:
    own = load_datalist(path)
    content = read_json(path)
    known = {name.casefold() for name in own.class_names}
    mapping = {
        label: target for label, target in (label_mapping or {}).items() if str(label).casefold() in known
    }
    named = sorted({str(item.get("source") or "") for items in own.lists.values() for item in items})
    if source is None:
        called = {each: each or path.resolve().parent.name for each in named}
    elif len(named) < 2:
        called = dict.fromkeys(named, source)
    else:
        called = {each: f"{source} {each}".strip() for each in named}
    classes = ClassLabels(own.class_names, None, mapping or None).names
    return _Part(path, title, content, classes, mapping or None, called)


def _check_mapping(label_mapping: Mapping[str, str | None] | None, parts: Sequence[_Part]) -> None:
    numbers = [label for label in label_mapping or {} if not isinstance(whole_label(label), str)]
    if numbers:
        raise UserError(
            f"label_mapping has the label {numbers[0]!r}; datalists may number their classes differently: "
            f"give the names"
        )
    unknown = [
        label for label in label_mapping or {} if not any(label in (part.mapping or {}) for part in parts)
    ]
    if unknown:
        known = sorted({name for part in parts for name in part.content.get("classes") or part.classes})
        raise UserError(f"label_mapping has the label {unknown[0]!r}; the datalists have {', '.join(known)}")


def _merged_classes(parts: Sequence[_Part]) -> list[str]:
    """Return the classes of all, in the order of the one that has most; refuse what has another order."""
    longest = max((part.classes for part in parts), key=len)
    places = {name.casefold(): place for place, name in enumerate(longest)}
    for part in parts:
        own = [places.get(name.casefold(), -1) for name in part.classes]
        if -1 in own or own != sorted(own) or own[0] != 0:
            raise UserError(
                f"{part.title}: its classes are {', '.join(part.classes)}, another datalist's "
                f"{', '.join(longest)}; say with --classes which the whole has, the negative one first, "
                f"and with --label_mapping which of them others are"
            )
    return longest


def _items(part: _Part, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the items with absolute paths, labels of the whole, and patients under their source's name."""
    folder = part.path.resolve().parent
    items = []
    for list_, own in load_datalist(part.path, list(names), part.mapping).lists.items():
        for item in own:
            old = str(item.get("source") or "")
            source = part.sources[old]
            bare = item["patient"].removeprefix(f"{old}-") if old else item["patient"]
            kept = {key: value for key, value in item.items() if key != "fold"}
            kept |= {key: os.path.normpath(folder / item[key]) for key in FILE_KEYS if item.get(key)}
            items.append({**kept, "source": source, "patient": f"{source}-{bare}", "list": list_})
    return items


def _check_strangers(parts: Sequence[_Part], items: Sequence[list[dict[str, Any]]]) -> None:
    """Refuse patients of one source and name in two datalists: nobody knows whether they are one."""
    homes: dict[str, str] = {}
    for part, own in zip(parts, items, strict=True):
        shared = sorted({item["patient"] for item in own if item["patient"] in homes})
        if shared:
            raise UserError(
                f"{homes[shared[0]]} and {part.title} both have patients {first_names(shared)} "
                f"({len(shared)} of one source and one name): give --same_patients if they are the same "
                f"people, or --sources with a name for each datalist if they are not"
            )
        homes |= dict.fromkeys((item["patient"] for item in own), part.title)


def _meanings(parts: Sequence[_Part], names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what labels mean in each source, numbered as the whole numbers them."""
    meanings: dict[str, dict[str, str]] = {}
    for part in parts:
        labels = ClassLabels(part.content.get("classes"), list(names), part.mapping)
        for source, own in (part.content.get("label_meaning") or {}).items():
            merged: dict[str, list[str]] = {}
            for label, meaning in own.items():
                place = labels.index(label)
                if place is not None:
                    merged.setdefault(str(place), []).append(meaning)
            joined = meanings.setdefault(part.sources.get(source, source), {})
            joined |= {label: "; or ".join(texts) for label, texts in merged.items()}
    return meanings


def _notes(parts: Sequence[_Part], items: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    own = [note for part in parts for note in part.content.get("notes") or []]
    kept = [note for note in dict.fromkeys(own) if not note.startswith("no scan of class")]
    return list(dict.fromkeys([*kept, *notes_on(items, names)]))


def _left_out(parts: Sequence[_Part]) -> dict[str, Any]:
    return {
        f"{reason} ({part.content.get('name') or part.path.parent.name})": entry
        for part in parts
        for reason, entry in (part.content.get("left_out") or {}).items()
    }
