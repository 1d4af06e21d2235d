"""How well a heat map finds the lesions, in the scan's own voxels."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scripts.statistics import patient_bootstrap, share_estimate

__all__ = ["THRESHOLDS", "localise", "summarise"]

THRESHOLDS = np.arange(1, 20) / 20  # of the heat, 0 to 1
FIXED = 0.5


def localise(
    steps: np.ndarray,
    lesions: np.ndarray,
    seen: np.ndarray,
    hottest: Sequence[int],
    lungs: np.ndarray | None = None,
) -> dict[str, Any]:
    """Compare one heat map with the lesions.

    Args:
        steps: the heat, 0 to 255, on the scan's voxels.
        lesions: boolean, the same shape; not empty.
        seen: where the network's grid lies, boolean, the same shape.
        hottest: the voxel of the maximum; where several share it, the one that the pointing game takes.
        lungs: boolean, the same shape; None leaves out what needs them.

    Returns:
        ``pointing``: 1 if the maximum lies in a lesion (Zhang et al., 2016, without tolerance);
        ``heat_in_lesions``: the share of all heat that lies in lesions, and ``lesions_in_box``, the share
        of the seen voxels that are lesion: what an even map would score in both. With lungs,
        ``heat_in_lungs``, ``heat_in_lesions_of_lungs`` and ``lesions_in_lungs``, the same within the lungs.
        ``dice``: at each of :data:`THRESHOLDS`. Nothing but zeros scores 0.
    """
    heat = steps.astype(np.float64) * seen
    found = lesions & seen
    figures: dict[str, Any] = {
        "empty": not heat.any(),
        "pointing": float(bool(heat.any()) and bool(lesions[tuple(hottest)])),
        "heat_in_lesions": _share(heat[found].sum(), heat.sum()),
        "lesions_in_box": _share(found.sum(), seen.sum()),
    }
    if lungs is not None:
        within = lungs & seen
        figures["heat_in_lungs"] = _share(heat[within].sum(), heat.sum())
        figures["heat_in_lesions_of_lungs"] = _share(heat[found & within].sum(), heat[within].sum())
        figures["lesions_in_lungs"] = _share((found & within).sum(), within.sum())
    hot, right = (_at_or_above(steps[mask]) for mask in (seen, found))
    figures["dice"] = (2 * right / np.maximum(hot + lesions.sum(), 1)).round(4).tolist()
    return figures


def summarise(scans: Sequence[dict[str, Any]], patients: Sequence[str]) -> dict[str, Any]:
    """Return each figure over all scans with its 95 % interval; the scans of a patient are not independent.

    Args:
        scans: of :func:`localise`, and of each scan ``randomised_correlation`` and ``randomised_empty``.
        patients: whose scan each is.

    Returns:
        ``{"value": ..., "interval_95_percent": [low, high]}`` for the pointing game, the share of the heat in
        lesions, the enrichment (mean share of the heat over the lesions' mean share of the volume: 1 is
        chance), Dice at 0.5 and at the best threshold (chosen on these same scans, so it flatters), and the
        rank correlation with the maps of randomised networks (the nearer to 0 the better; the share of those
        that are all zeros, and so correlate with nothing, is given beside it).
    """
    table = {key: np.array([scan[key] for scan in scans], dtype=float) for key in scans[0]}

    def mean(key: str) -> Callable[[np.ndarray], float]:
        return lambda rows: float(table[key][rows].mean())

    def ratio(part: str, whole: str) -> Callable[[np.ndarray], float]:
        return lambda rows: float(table[part][rows].mean() / max(table[whole][rows].mean(), 1e-12))

    dice = table["dice"]
    figures = {
        "heat_in_lesions": mean("heat_in_lesions"),
        "enrichment_in_box": ratio("heat_in_lesions", "lesions_in_box"),
        "dice_at_0.5": lambda rows: float(dice[rows, np.searchsorted(THRESHOLDS, FIXED)].mean()),
        "dice_at_best_threshold": lambda rows: float(dice[rows].mean(axis=0).max()),
        "randomised_correlation": mean("randomised_correlation"),
        "randomised_empty": mean("randomised_empty"),
    }
    if "lesions_in_lungs" in table:
        figures["heat_in_lungs"] = mean("heat_in_lungs")
        figures["enrichment_in_lungs"] = ratio("heat_in_lesions_of_lungs", "lesions_in_lungs")
    every = np.arange(len(scans))
    hits, everyone = table["pointing"] > 0, np.ones(len(scans), dtype=bool)
    summary: dict[str, Any] = {"pointing_game": share_estimate(hits, everyone, patients)} | {
        name: {"value": statistic(every), "interval_95_percent": patient_bootstrap(statistic, patients)}
        for name, statistic in figures.items()
    }
    summary["pointing_game"]["chance"] = mean("lesions_in_box")(every)
    summary["dice_at_best_threshold"]["threshold"] = float(THRESHOLDS[dice.mean(axis=0).argmax()])
    return summary | {"scans": len(scans), "empty_maps": int(table["empty"].sum())}


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def _at_or_above(values: np.ndarray) -> np.ndarray:
    """Return how many of the values, 0 to 255, reach each threshold."""
    counts = np.bincount(values, minlength=256)
    reached = counts[::-1].cumsum()[::-1]
    return reached[np.ceil(THRESHOLDS * 255).astype(int)]
