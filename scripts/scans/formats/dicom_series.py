"""Which of several CT series is read."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..refusal import RefusedScan
from .dicom_slices import NOT_HOUNSFIELD, Slice
from .dicom_stack import is_axial, is_stack

__all__ = ["FEWEST_SLICES", "Choice", "choose_series", "listed", "short_hash", "sort_out"]

SCOUT = {"LOCALIZER", "SCOUT", "TOPOGRAM"}
PROJECTION = {"MIP", "MAX_IP", "MAXIP", "MINIP", "MIN_IP", "PROJECTION IMAGE", "VOLUME RENDERING", "VRT"}
REFORMAT = {"REFORMATTED", "MPR", "CSA MPR", "CSAPARALLEL", "RESAMPLED"}
FEWEST_SLICES = 8  # a series with fewer gives way to a longer one
SAME_COVERAGE = 0.9  # share of the longest series' extent
SAME_STEP = 1.1  # times the finest step between slices
SAME_PASS = 10.0  # times the usual time from a slice to the next, that may pass within one acquisition
SHORTEST_PAUSE = 1.0  # seconds between two acquisitions
LISTED = 5  # series in a message; the others are counted
Series = dict[str, list[Slice]]  # by title


@dataclass(frozen=True)
class Choice:
    """The series of a study or folder, sorted.

    Attributes:
        fitting: the series that the rules of :func:`sort_out` lead to: one, or several that none parts.
        readable: all axial series of at least :data:`FEWEST_SLICES` slices.
        set_aside: the others, and why.
    """

    fitting: Series
    readable: Series
    set_aside: dict[str, str]


def choose_series(slices: list[Slice], wanted: str | None, name: str) -> list[Slice]:
    """Return the slices of the one series that is meant, by the rules of :func:`sort_out`.

    Raises:
        RefusedScan: as there; ``several_series``.
    """
    fitting = sort_out(slices, wanted, name).fitting
    if len(fitting) > 1:
        raise RefusedScan(
            "several_series",
            name,
            f"{len(fitting)} CT series fit: {listed(fitting)}; choose one by --series or the datalist's "
            f"field series, or put it in a folder of its own",
        )
    return next(iter(fitting.values()))


def sort_out(slices: list[Slice], wanted: str | None, name: str) -> Choice:
    """Sort CT series: a SeriesInstanceUID is one, or where each slice has its own, what agrees otherwise.

    With ``wanted``, the series of that SeriesInstanceUID, SeriesNumber or listed name. Without:

    1. Scouts (ImageType LOCALIZER, SCOUT, TOPOGRAM), projections (MIP, MinIP, renderings) and maps in other
       units than HU are set aside; slice by slice, since some scanners put them into the same series.
    2. Series of which no slice is axial (normal within 37 degrees of the body's axis) are set aside.
    3. A series that is no regular stack, or whose acquisitions overlap, is parted by AcquisitionNumber,
       temporal position or the time of its content, where the parts are stacks.
    4. Where some remain that are no reformats (REFORMATTED, MPR), and that have at least
       :data:`FEWEST_SLICES` slices, the others are set aside.
    5. What remains must be of one patient.
    6. Of series that reach at least 0.9 times as far as the longest, the one with the finest step fits.
       Several within 1.1 times the finest step, such as two kernels of one acquisition, all fit, and so do
       all of several studies: nothing is guessed.

    Raises:
        RefusedScan: ``not_ct``, ``not_axial``, ``several_patients``, ``series_not_found``.
    """
    whole = _titled(_by_series(slices))
    aside: dict[str, str] = {}
    flat = {title: [s for s in own if not _is_projection(s)] for title, own in whole.items()}
    series = _keep(flat, bool, "scouts, projections or maps in other units", aside)
    if not series and wanted is None:
        raise RefusedScan("not_ct", name, "scouts and projections only; expected an axial CT series")
    series = _keep(series, lambda own: any(map(is_axial, own)), "not axial", aside)
    if not series and wanted is None:
        raise RefusedScan("not_axial", name, "reformats of other planes only; expected an axial CT series")
    series = {title: part for base, own in series.items() for title, part in _passes(base, own).items()}
    readable = {title: own for title, own in series.items() if len(own) >= FEWEST_SLICES}
    if wanted is not None:
        series = _wanted(whole, series, wanted, name)
    else:
        series = _prefer(series, lambda own: not any(_has(s, REFORMAT) for s in own), "a reformat", aside)
        few = f"fewer than {FEWEST_SLICES} slices"
        series = _prefer(series, lambda own: len(own) >= FEWEST_SLICES, few, aside)
    _check_patient(series, name)
    if len({own[0].study for own in series.values()}) == 1:
        series = _finest(series, aside)
    return Choice(series, readable, aside)


def _by_series(slices: Iterable[Slice]) -> Series:
    series: Series = {}
    for slice_ in slices:
        series.setdefault(slice_.series or f"number {slice_.series_number}", []).append(slice_)
    alone = {uid: own[0] for uid, own in series.items() if len(own) == 1}
    if len(alone) < FEWEST_SLICES:
        return series
    joined: dict[tuple[object, ...], str] = {}
    for uid, one in alone.items():  # an anonymiser gave each slice a UID of its own
        of_one = (one.patient, one.study, one.series_number, one.kernel, _is_projection(one))
        first = joined.setdefault((*of_one, one.size, one.spacing, one.orientation), uid)
        if first != uid:
            series[first] += series.pop(uid)
    return series


def _titled(series: Series) -> Series:
    """Name each series by its number, or where two have the same or none, by a short hash of its UID."""
    numbers = [own[0].series_number for own in series.values()]
    unique = {number for number in numbers if number and numbers.count(number) == 1}
    return {
        own[0].series_number if own[0].series_number in unique else short_hash(uid): own
        for uid, own in series.items()
    }


def short_hash(uid: str) -> str:
    """Return a name for a SeriesInstanceUID that does not show it."""
    return hashlib.sha256(uid.encode()).hexdigest()[:8]


def _has(slice_: Slice, words: set[str]) -> bool:
    return not words.isdisjoint(slice_.image_type)


def _is_projection(slice_: Slice) -> bool:
    return _has(slice_, SCOUT | PROJECTION) or slice_.quantity in NOT_HOUNSFIELD


def _keep(series: Series, good: Callable[[list[Slice]], bool], why: str, aside: dict[str, str]) -> Series:
    """Keep the good ones; of the others, note why they are not."""
    aside |= {title: why for title, own in series.items() if not good(own)}
    return {title: own for title, own in series.items() if good(own)}


def _prefer(series: Series, good: Callable[[list[Slice]], bool], why: str, aside: dict[str, str]) -> Series:
    """Keep the good ones if there are any."""
    return _keep(series, good, why, aside) if any(map(good, series.values())) else series


def _passes(title: str, own: list[Slice]) -> Series:
    """Part a series that holds several scans of the body."""
    parted = {
        "acquisition": _grouped(own, [s.acquisition for s in own]),
        "phase": _grouped(own, [s.phase for s in own]),
        "time": _grouped(own, _acquisition_times(own)),
    }
    whole = is_stack(own)
    for word, parts in parted.items():
        good = len(parts) > 1 and any(len(p) >= FEWEST_SLICES and is_stack(p) for p in parts.values())
        if good and (not whole or (word != "time" and _overlap(parts))):
            return {f"{title} {word} {value or 'none'}": part for value, part in parts.items()}
    return {title: own}


def _grouped(own: list[Slice], values: list[str]) -> Series:
    groups: Series = {}
    for slice_, value in zip(own, values, strict=True):
        groups.setdefault(value, []).append(slice_)
    return groups


def _acquisition_times(own: list[Slice]) -> list[str]:
    """Return for each slice when its acquisition began, as HHMMSS: times without a pause are of one."""
    clocks = [re.split(r"[.+-]", s.time)[0][-6:] for s in own]  # without fractions and time zone
    if not all(len(clock) == 6 and clock.isdecimal() for clock in clocks):
        return [""] * len(own)
    seconds = np.array([int(c[:2]) * 3600 + int(c[2:4]) * 60 + int(c[4:]) for c in clocks], dtype=float)
    order = np.argsort(seconds, kind="stable")
    gaps = np.diff(seconds[order], prepend=seconds[order[:1]])
    pause = gaps > max(SHORTEST_PAUSE, SAME_PASS * float(np.median(gaps)))
    firsts = order[np.maximum.accumulate(np.where(pause, np.arange(len(own)), 0))]
    began = dict(zip(order.tolist(), firsts.tolist(), strict=True))
    return [clocks[began[k]] for k in range(len(own))]


def _overlap(parts: Series) -> bool:
    """Tell whether two long parts cover the same of the body."""
    ranges = [_range(part) for part in parts.values() if len(part) >= FEWEST_SLICES]
    return any(
        min(top, other_top) - max(bottom, other_bottom) > 0.5 * min(top - bottom, other_top - other_bottom)
        for k, (bottom, top) in enumerate(ranges)
        for other_bottom, other_top in ranges[:k]
    )


def _wanted(whole: Series, series: Series, wanted: str, name: str) -> Series:
    """Return the series that is asked for, with all its passes, or the one pass."""
    if wanted in series:
        return {wanted: series[wanted]}
    uids = {title: own[0].series for title, own in whole.items()}
    bases = [
        title
        for title, own in whole.items()
        if wanted in (title, uids[title], own[0].series_number, short_hash(uids[title]))
    ]
    if len(bases) != 1:
        raise RefusedScan(
            "series_not_found",
            name,
            f"{len(bases)} series have the wanted name; expected one of: {listed({**whole, **series})}",
        )
    passes = {title: own for title, own in series.items() if title.partition(" ")[0] == bases[0]}
    return passes or {bases[0]: whole[bases[0]]}


def _check_patient(series: Series, name: str) -> None:
    count = len({slice_.patient for own in series.values() for slice_ in own})
    if count > 1:
        raise RefusedScan(
            "several_patients", name, f"slices of {count} patients; expected one; give each a folder"
        )


def _finest(series: Series, aside: dict[str, str]) -> Series:
    if len(series) == 1:
        return series
    measured = {title: _extent_and_step(own) for title, own in series.items()}
    longest = max(extent for extent, _ in measured.values())
    least = SAME_COVERAGE * longest
    whole = _keep(series, lambda own: _extent_and_step(own)[0] >= least, "covers less than another", aside)
    most = SAME_STEP * min(measured[title][1] for title in whole)
    return _keep(whole, lambda own: _extent_and_step(own)[1] <= most, "coarser than another", aside)


def _range(slices: list[Slice]) -> tuple[float, float]:
    heights = [slice_.position[2] for slice_ in slices if slice_.position is not None]
    return (min(heights), max(heights)) if heights else (0.0, 0.0)


def _extent_and_step(slices: list[Slice]) -> tuple[float, float]:
    """Return how far slices reach along the body's axis, and the usual distance between two, in mm."""
    heights = np.sort([slice_.position[2] for slice_ in slices if slice_.position is not None])
    if len(heights) < 2:
        return 0.0, np.inf
    return float(heights[-1] - heights[0]), float(np.median(np.diff(heights)))


def listed(series: Series) -> str:
    """Name the first few series, with what tells them apart."""
    shown = [
        f"{title} ({len(own)} slices"
        + (f" every {_extent_and_step(own)[1]:g} mm" if len(own) > 1 else "")
        + (f", kernel {own[0].kernel[:16]})" if own[0].kernel else ")")
        for title, own in list(series.items())[:LISTED]
    ]
    more = len(series) - LISTED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
