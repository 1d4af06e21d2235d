"""The trachea, and the air that it leads to."""

import numpy as np
from scipy import ndimage

from .scan import Scan

__all__ = ["led_to_by_trachea"]

SHORTEST = 25.0  # mm of trachea above the lungs' roots
SECTION = (30.0, 1000.0)  # mm2, of a trachea
MIDDLE = 0.25  # share of the lungs' width, either way from their middle


def led_to_by_trachea(enclosed: np.ndarray, wide: np.ndarray, coarse: Scan) -> np.ndarray | None:
    """Return the air that is joined to the trachea, or None where no trachea shows.

    The trachea is the longest upright tube of narrow air in the middle of the chest, and in its upper half.

    Args:
        enclosed: air that tissue encloses, without gas that is only glued to the lungs.
        wide: the part of it that is wider than an airway, with its recesses; some.
        coarse: the coarse copy.
    """
    if not wide.any():
        return None
    across, _, up = ndimage.find_objects(wide.astype(np.uint8))[0]
    middle, reach = (across.start + across.stop) / 2, MIDDLE * (across.stop - across.start)
    part = (
        slice(int(middle - reach), int(middle + reach) + 1),
        slice(None),
        slice((up.start + up.stop) // 2, None),
    )
    labels, _ = ndimage.label(enclosed[part] & ~wide[part])
    longest, trachea = SHORTEST, None
    for piece, place in enumerate(ndimage.find_objects(labels), 1):
        length = (place[2].stop - place[2].start) * coarse.spacing[2]
        if length <= longest:
            continue
        section = (labels[place] == piece).sum() * coarse.spacing.prod() / length
        if SECTION[0] < section < SECTION[1]:
            longest, trachea = length, labels == piece
    if trachea is None:
        return None
    seeds = np.zeros_like(enclosed)
    seeds[part] = trachea
    joined, _ = ndimage.label(enclosed)
    return np.isin(joined, np.unique(joined[seeds]))
