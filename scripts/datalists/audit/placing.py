"""Where in a datalist an item stands: what is learnt from, selected on or reported on together."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["place_items", "place_of"]

Item = dict[str, Any]


def place_of(item: Mapping[str, Any], list_name: str) -> str:
    """Name the list and fold of an item; scans of one patient all belong in one place.

    >>> place_of({"fold": 2}, "training"), place_of({}, "test")
    ('training fold 2', 'test')
    """
    return f"{list_name} fold {item['fold']}" if "fold" in item else list_name


def place_items(lists: Mapping[str, Sequence[Item]]) -> list[Item]:
    """Flatten the lists of a datalist; each item gains its ``place`` and its ``key``.

    Equal keys are the same scan: one file, or one choice of slices of a folder.
    """
    return [
        {**item, "place": place_of(item, name), "key": _key(item)}
        for name, items in lists.items()
        for item in items
    ]


def _key(item: Mapping[str, Any]) -> str:
    return "|".join([str(item["image"]), *item.get("slices", ())])
