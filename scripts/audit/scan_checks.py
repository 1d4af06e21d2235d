"""Scans that a run would refuse, or should not be shown: by reason, by field of view, by their slices."""

from collections.abc import Mapping, Sequence
from typing import Any

from .findings import FAILED, PASSED, WARNING, Finding, counted
from .measuring import Measurement

__all__ = ["check_field_of_view", "check_intensity", "check_readable", "check_slices"]

REFUSALS = {
    "missing_slices": "missing",
    "duplicate_slices": "repeated",
    "uneven_slices": "missing",
    "too_few_slices": "too few",
}
NOT_HU = {"not_hounsfield", "mask", "constant", "non_finite"}
NOT_WHOLE = {"partial_thorax", "no_lungs"}
USUAL_FIELD = (250.0, 550.0)  # mm: the width of a chest, the bore of a scanner
MASKED = "the body around the lungs is masked away; take the scan from before that"
CUT = ("lungs_cut_at_top", "lungs_cut_at_bottom")


def check_slices(items: Sequence[dict[str, Any]], measured: Mapping[str, Measurement]) -> Finding:
    """Find which scans are no regular, whole stack of slices.

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


def check_readable(items: Sequence[dict[str, Any]], measured: Mapping[str, Measurement]) -> Finding:
    """Find which scans cannot be read as one CT volume."""
    other = NOT_HU | NOT_WHOLE | set(REFUSALS)
    lines = _refused(items, measured, lambda code: code not in other)
    if not lines:
        return Finding("readable", PASSED, f"all {len(items)} scans could be read", numbers={"unreadable": 0})
    return Finding(
        "readable",
        FAILED,
        f"{len(lines)} of {len(items)} scans cannot be read; mend them or take them out",
        lines=lines,
        numbers={"unreadable": len(lines)},
    )


def check_intensity(items: Sequence[dict[str, Any]], measured: Mapping[str, Measurement]) -> Finding:
    """Find which scans are not in HU, and whether the classes differ in that."""
    lines = _refused(items, measured, lambda code: code in NOT_HU)
    declared = sum(item.get("intensity") == "windowed" for item in items)
    numbers = {"not_hounsfield": len(lines), "windowed": declared}
    if lines:
        masked = sum("masked away" in line for line in lines)
        cause = f", {masked} of them since their body is masked away" if masked else ""
        return Finding(
            "intensity",
            FAILED,
            f"{len(lines)} of {len(items)} scans are not in HU{cause}; take them as they were before "
            f"they were masked or windowed or lost their rescale slope and intercept",
            lines=lines,
            numbers=numbers,
        )
    if declared not in (0, len(items)):
        return Finding(
            "intensity",
            WARNING,
            f"{declared} of {len(items)} scans are windowed grey levels and the others HU: a mixture that a "
            f"network sees at once; train on one kind",
            numbers=numbers,
        )
    kind = "all scans are declared windowed" if declared else "no scan's values contradict HU"
    return Finding("intensity", PASSED, kind, numbers=numbers)


def check_field_of_view(items: Sequence[dict[str, Any]], measured: Mapping[str, Measurement]) -> Finding:
    """Find which scans show less than a whole chest, or have an unusual size."""
    partial = _refused(items, measured, lambda code: code in NOT_WHOLE)
    cut, odd = [], []
    for item in items:
        known = measured[item["key"]]
        cut += [f"{item['name']}: {flag.replace('_', ' ')}" for flag in known.flags if flag in CUT]
        width = known.header.get("field_width")
        if width is not None and not USUAL_FIELD[0] <= width <= USUAL_FIELD[1]:
            odd.append(f"{item['name']}: {width:g} mm wide; usual are 250 to 550 mm")
    numbers = {"partial": len(partial), "cut": len(cut), "unusual_width": len(odd)}
    if not partial and not cut and not odd:
        return Finding("field_of_view", PASSED, f"all {len(items)} scans show a whole chest", numbers=numbers)
    return Finding(
        "field_of_view",
        FAILED if partial else WARNING,
        f"of {len(items)} scans: {len(partial)} without a whole chest, {len(cut)} that end within the lungs, "
        f"{len(odd)} of unusual width; take out those without, and see whether the classes differ",
        lines=[*partial, *cut, *odd],
        numbers=numbers,
    )


def _refused(items: Sequence[dict[str, Any]], measured: Mapping[str, Measurement], wanted: Any) -> list[str]:
    lines = []
    for item in items:
        known = measured[item["key"]]
        if known.refusal and wanted(known.refusal[0]):
            code, reason = known.refusal
            lines.append(f"{item['name']}: [{code}] {MASKED if known.masked_body else reason}")
    return lines
