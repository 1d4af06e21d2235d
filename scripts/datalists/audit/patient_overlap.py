"""One patient on both sides of a split."""

from collections.abc import Sequence
from typing import Any

from .finding import FAILED, PASSED, Finding

__all__ = ["check_patient_overlap"]


def check_patient_overlap(items: Sequence[dict[str, Any]]) -> Finding:
    """Find patients with scans in more than one list or fold.

    Args:
        items: each with ``patient`` and ``place``.
    """
    homes: dict[str, dict[str, str]] = {}
    for item in items:
        homes.setdefault(str(item["patient"]), {}).setdefault(item["place"], item["name"])
    parted = [
        f"patient {patient}: " + " and ".join(f"{name} in {place}" for place, name in places.items())
        for patient, places in homes.items()
        if len(places) > 1
    ]
    numbers = {"patients": len(homes), "parted": len(parted)}
    if not parted:
        return Finding(
            "patient_overlap", PASSED, f"{len(homes)} patients, each in one list and fold", numbers=numbers
        )
    return Finding(
        "patient_overlap",
        FAILED,
        f"{len(parted)} of {len(homes)} patients have scans in more than one list or fold; "
        f"a network that has seen a patient is not tested by that patient: make the lists anew by patient",
        hard=True,
        lines=parted,
        numbers=numbers,
    )
