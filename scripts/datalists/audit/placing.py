"""Where in a datalist an item stands: what is learnt from, selected on or reported on together."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["choice_of", "place_items", "place_of"]

Item = dict[str, Any]


def place_of(item: Mapping[str, Any], list_name: str) -> str:
    """Name the list and fold of an item; scans of one patient all belong in one place.

    >>> place_of({"fold": 2}, "training"), place_of({}, "test")
    ('training fold 2', 'test')
    """
    return f"{list_name} fold {item['fold']}" if "fold" in item else list_name


def place_items(lists: Mapping[str, Sequence[Item]]) -> list[Item]:
    """Flatten the lists of a datalist; each item gains its ``place`` and its ``key``.

    Equal keys are the same scan: one file, or one choice of slices or series of a folder.
    """
    return [
        {**item, "place": place_of(item, name), "key": _key(item)}
        for name, items in lists.items()
        for item in items
    ]


def _key(item: Mapping[str, Any]) -> str:
    return "|".join(filter(None, (str(item["image"]), choice_of(item))))


def choice_of(item: Mapping[str, Any]) -> str:
    """Name what is chosen of the files that a scan lies in.

    >>> choice_of({"series": "3"}), choice_of({"slices": ["1.png", "2.png"]}), choice_of({})
    ('series 3', '1.png|2.png', '')
    """
    series = [f"series {item['series']}"] if item.get("series") else []
    return "|".join([*series, *item.get("slices", ())])
