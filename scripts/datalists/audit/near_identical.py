"""Nearly the same scan under two patients' names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .finding import FAILED, PASSED, WARNING, Finding, counted
from .likeness import alike_pairs

__all__ = ["ALIKE", "check_near_identical"]

ALIKE = 0.9  # correlation of two signatures; docs/audit.md has what copies and strangers reach


def check_near_identical(items: Sequence[dict[str, Any]], signatures: Mapping[str, np.ndarray]) -> Finding:
    """Find scans of two patients that are copies: saved anew, cropped by a slice, mirrored, on another scale.

    Two scans of one patient in one place may be alike: two kernels of one acquisition are.

    Args:
        items: each with ``key``, ``name``, ``patient`` and ``place``.
        signatures: by ``key``, see :func:`~.signature.signature`.
    """
    items = [item for item in items if item["key"] in signatures]
    if len(items) < 2:
        return Finding("near_identical_scans", PASSED, "fewer than two scans to compare")
    alike = alike_pairs(np.stack([signatures[item["key"]] for item in items]), ALIKE)
    pairs = [(items[i], items[j], likeness) for i, j, likeness in alike]
    over_split = [pair for pair in pairs if pair[0]["place"] != pair[1]["place"]]
    strangers = [pair for pair in pairs if str(pair[0]["patient"]) != str(pair[1]["patient"])]
    numbers = {"pairs": len(pairs), "over_split": len(over_split), "two_patients": len(strangers)}
    told = sorted({id(p): p for p in (*over_split, *strangers)}.values(), key=lambda pair: -pair[2])
    lines = [
        f"{a['name']} (patient {a['patient']}, {a['place']}) ~ {b['name']} (patient {b['patient']}, "
        f"{b['place']}): likeness {likeness:.3f}"
        for a, b, likeness in told
    ]
    if not told:
        same = f", but {counted(len(pairs), 'pair')} of one patient in one place" if pairs else ""
        return Finding(
            "near_identical_scans",
            PASSED,
            f"of {len(items)} scans no two patients' are alike{same}",
            numbers=numbers,
        )
    return Finding(
        "near_identical_scans",
        FAILED if over_split else WARNING,
        f"{counted(len(pairs), 'pair')} of scans nearly alike, {len(strangers)} under two patients' names, "
        f"{len(over_split)} over a split; look at them, and give the two names of a patient one name",
        hard=bool(over_split),
        lines=lines,
        numbers=numbers,
    )
