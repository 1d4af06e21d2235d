"""Repeated, missing, shuffled and reversed slices."""

from collections.abc import Mapping, Sequence
from typing import Any

from .finding import FAILED, PASSED, Finding, counted
from .measuring import Measurement

__all__ = ["REFUSALS", "check_slices"]

REFUSALS = {
    "missing_slices": "missing",
    "duplicate_slices": "repeated",
    "uneven_slices": "missing",
    "too_few_slices": "too few",
}


def check_slices(items: Sequence[dict[str, Any]], measured: Mapping[str, Measurement]) -> Finding:
    """Tell which scans are no regular, whole stack of slices.

    Args:
        items: each with ``key`` and ``name``.
        measured: by ``key``.
    """
    faults: dict[str, list[str]] = {}
    for item in items:
        known = measured[item["key"]]
        for fault, count in known.slices.items():
            if count:
                word = fault.replace("_", " ")
                faults.setdefault(fault, []).append(f"{item['name']}: {counted(count, 'slice')} {word}")
        if known.refusal and known.refusal[0] in REFUSALS:
            faults.setdefault(REFUSALS[known.refusal[0]], []).append(f"{item['name']}: {known.refusal[1]}")
        if "upside_down" in known.flags:
            faults.setdefault("upside down", []).append(f"{item['name']}: its slices run upside down")
    numbers = {fault: len(lines) for fault, lines in faults.items()}
    if not faults:
        return Finding(
            "slices", PASSED, f"{len(items)} stacks without a fault that could be seen", numbers=numbers
        )
    found = ", ".join(f"{len(lines)} {fault.replace('_', ' ')}" for fault, lines in faults.items())
    return Finding(
        "slices",
        FAILED,
        f"scans whose slices are not a whole, regular stack: {found}; correct their order, or take them out",
        lines=[line for lines in faults.values() for line in lines],
        numbers=numbers,
    )
