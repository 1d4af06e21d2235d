"""Accuracy of a part of the scans: by sex, age, source, slice spacing, severity."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .intervals import share_estimate

if TYPE_CHECKING:
    from .baselines import ScanFeatures
    from .table import PredictionTable

__all__ = ["SMALLEST_GROUP", "subgroup_metrics"]

SMALLEST_GROUP = 10  # patients: below, a group's accuracy is not given
AGES = ((0, "under 18"), (18, "18 to 39"), (40, "40 to 59"), (60, "60 to 79"), (80, "80 and over"))
SPACINGS = ((0.0, "up to 1.5 mm"), (1.5, "1.5 to 3 mm"), (3.0, "3 to 5 mm"), (5.0, "over 5 mm"))
WORDS = {"sex": "sex", "source": "source", "severity": "severity"}  # taken as the datalist has them


def subgroup_metrics(
    table: "PredictionTable",
    items: Mapping[str, Mapping[str, Any]],
    features: "Mapping[str, ScanFeatures]",
) -> list[dict[str, Any]]:
    """Report the accuracy of each group that differs in the datalist or the scans.

    Args:
        table: of the scans that are reported.
        items: of the datalist, by name.
        features: of the scans, by name.

    Returns:
        Rows ``by``, ``group``, ``scans``, ``patients``, ``labels`` (scans a class),
        ``accuracy`` (``value`` and ``interval_95_percent``), or None of it with a ``reason``.
        A property that only one group has, or none, gives no rows.
    """
    rows = []
    for by, groups in _groups(table, items, features).items():
        names = [name for name in dict.fromkeys(sorted(set(groups), key=_order)) if name]
        if len(names) > 1:
            rows += [
                _row(by, name, table.rows(np.array([group == name for group in groups]))) for name in names
            ]
    return rows


def _groups(
    table: "PredictionTable",
    items: Mapping[str, Mapping[str, Any]],
    features: "Mapping[str, ScanFeatures]",
) -> dict[str, list[str]]:
    """Return the group of each scan, empty where it is not known, for each property."""
    own = [items.get(image, {}) for image in table.images]
    groups = {by: [str(item.get(key) or "") for item in own] for by, key in WORDS.items()}
    ages = [item.get("age") for item in own]
    groups["age"] = [_band(age, AGES) if isinstance(age, int | float) else "" for age in ages]
    groups["slice spacing"] = [
        _band(round(features[image].slice_spacing - 1e-3, 3), SPACINGS) if image in features else ""
        for image in table.images
    ]
    return groups


def _band(value: float, bands: tuple[tuple[float, str], ...]) -> str:
    return next(name for low, name in reversed(bands) if value >= low or low == bands[0][0])


def _order(name: str) -> tuple[int, str]:
    bands = [band for _, band in (*AGES, *SPACINGS)]
    return (bands.index(name) if name in bands else -1, name)


def _row(by: str, name: str, part: "PredictionTable") -> dict[str, Any]:
    patients = len(set(part.patients))
    counts = np.bincount(part.labels, minlength=part.probabilities.shape[1]).tolist()
    row: dict[str, Any] = {
        "by": by, "group": name, "scans": len(part), "patients": patients, "labels": counts,
    }  # fmt: skip
    if patients < SMALLEST_GROUP:
        return row | {
            "accuracy": None,
            "reason": f"{patients} patients are too few; {SMALLEST_GROUP} are asked for",
        }
    right = part.probabilities.argmax(axis=1) == part.labels
    return row | {"accuracy": share_estimate(right, np.ones(len(part), dtype=bool), part.patients)}
