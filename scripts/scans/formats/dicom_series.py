"""Which of several CT series is read."""

import hashlib
from collections.abc import Callable, Iterable

import numpy as np

from ..refusal import RefusedScan
from .dicom_slices import Slice

__all__ = ["choose_series"]

SCOUT = {"LOCALIZER", "SCOUT", "TOPOGRAM"}
PROJECTION = {"MIP", "MAX_IP", "MAXIP", "MINIP", "MIN_IP", "PROJECTION IMAGE", "VOLUME RENDERING", "VRT"}
REFORMAT = {"REFORMATTED", "MPR", "CSA MPR", "CSAPARALLEL", "RESAMPLED"}
AXIAL = 0.8  # cosine between the normal and the body's axis: 37 degrees; gantries tilt by 30
FEWEST_SLICES = 8  # a series with fewer gives way to a longer one
SAME_COVERAGE = 0.9  # share of the longest series' extent
SAME_STEP = 1.1  # times the finest step between slices


def choose_series(slices: list[Slice], wanted: str | None, name: str) -> list[Slice]:
    """Return the slices of the one series that is meant.

    With ``wanted``, the series of that SeriesInstanceUID, SeriesNumber or listed name. Without:

    1. Scouts (ImageType LOCALIZER, SCOUT, TOPOGRAM) and projections (MIP, MinIP, renderings) are set aside;
       they are told slice by slice, since some scanners put them into the same series.
    2. Series of which no slice is axial (normal within 37 degrees of the body's axis) are set aside.
    3. Where some remain that are no reformats (REFORMATTED, MPR), and that have at least
       :data:`FEWEST_SLICES` slices, the others are set aside.
    4. What remains must be of one patient.
    5. Of series that reach at least 0.9 times as far as the longest, the one with the finest step is read.
    6. Where several are within 1.1 times the finest step, such as two kernels of one acquisition, nothing
       is guessed: ``several_series`` lists them.

    Raises:
        RefusedScan: ``not_ct``, ``not_axial``, ``several_patients``, ``several_series``,
            ``series_not_found``.
    """
    everything = _by_series(slices)
    titles = _titles(everything)
    if wanted is not None:
        found = [uid for uid in everything if wanted in (uid, titles[uid], everything[uid][0].series_number)]
        if len(found) != 1:
            raise RefusedScan(
                "series_not_found",
                name,
                f"{len(found)} series have the wanted name; expected one of: {_list(everything, titles)}",
            )
        return _of_one_patient(everything[found[0]], name)
    flat = [slice_ for slice_ in slices if not _has(slice_, SCOUT | PROJECTION)]
    if not flat:
        raise RefusedScan("not_ct", name, "scouts and projections only; expected an axial CT series")
    axial = {uid: own for uid, own in _by_series(flat).items() if any(map(_is_axial, own))}
    if not axial:
        raise RefusedScan("not_axial", name, "reformats of other planes only; expected an axial CT series")
    originals = _prefer(axial, lambda own: not any(_has(slice_, REFORMAT) for slice_ in own))
    series = _prefer(originals, lambda own: len(own) >= FEWEST_SLICES)
    _of_one_patient([slice_ for own in series.values() for slice_ in own], name)
    series = _finest(series) if len(series) > 1 else series
    if len(series) > 1:
        raise RefusedScan(
            "several_series",
            name,
            f"{len(series)} CT series fit: {_list(series, titles)}; choose one by --series or the datalist's "
            f"field series, or put it in a folder of its own",
        )
    return next(iter(series.values()))


def _by_series(slices: Iterable[Slice]) -> dict[str, list[Slice]]:
    series: dict[str, list[Slice]] = {}
    for slice_ in slices:
        series.setdefault(slice_.series, []).append(slice_)
    return series


def _has(slice_: Slice, words: set[str]) -> bool:
    return not words.isdisjoint(slice_.image_type)


def _is_axial(slice_: Slice) -> bool:
    """Tell an axial slice; one without an orientation is given the benefit, and refused for that later."""
    if slice_.orientation is None or not np.any(slice_.orientation):
        return True
    row, column = np.reshape(slice_.orientation, (2, 3))
    return bool(abs(np.cross(row, column)[2]) >= AXIAL)


def _prefer(series: dict[str, list[Slice]], good: Callable[[list[Slice]], bool]) -> dict[str, list[Slice]]:
    """Keep the good ones if there are any."""
    return {uid: own for uid, own in series.items() if good(own)} or series


def _of_one_patient(slices: list[Slice], name: str) -> list[Slice]:
    count = len({slice_.patient for slice_ in slices})
    if count > 1:
        raise RefusedScan(
            "several_patients", name, f"slices of {count} patients; expected one; give each a folder"
        )
    return slices


def _finest(series: dict[str, list[Slice]]) -> dict[str, list[Slice]]:
    measured = {uid: _extent_and_step(own) for uid, own in series.items()}
    longest = max(extent for extent, _ in measured.values())
    whole = {uid: step for uid, (extent, step) in measured.items() if extent >= SAME_COVERAGE * longest}
    finest = min(whole.values())
    return {uid: series[uid] for uid, step in whole.items() if step <= SAME_STEP * finest}


def _extent_and_step(slices: list[Slice]) -> tuple[float, float]:
    """Return how far slices reach along the body's axis, and the usual distance between two, in mm."""
    heights = np.sort([slice_.position[2] for slice_ in slices if slice_.position is not None])
    if len(heights) < 2:
        return 0.0, np.inf
    return float(heights[-1] - heights[0]), float(np.median(np.diff(heights)))


def _titles(series: dict[str, list[Slice]]) -> dict[str, str]:
    """Name each series by its number, or where two have the same or none, by a short hash of its UID."""
    numbers = [own[0].series_number for own in series.values()]
    return {
        uid: own[0].series_number
        if own[0].series_number and numbers.count(own[0].series_number) == 1
        else hashlib.sha256(uid.encode()).hexdigest()[:8]
        for uid, own in series.items()
    }


def _list(series: dict[str, list[Slice]], titles: dict[str, str]) -> str:
    return ", ".join(
        f"{titles[uid]} ({len(own)} slices every {_extent_and_step(own)[1]:g} mm"
        + (f", kernel {own[0].kernel[:16]})" if own[0].kernel else ")")
        for uid, own in series.items()
    )
