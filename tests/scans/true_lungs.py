"""How far a found box lies from that of a phantom's true lungs, and whether the scan cuts them."""

import numpy as np

from scripts.phantoms import Phantom
from scripts.scans import RefusedScan, Scan, find_lungs

FAR = np.full((2, 3), np.inf)  # mm, of a scan that is refused and should not be
SURELY_OPEN, SURELY_CLOSED = (
    1500.0,
    200.0,
)  # mm2 of true lung in the lowest slice; the flag's limit lies between


def compared(phantom: Phantom) -> tuple[np.ndarray, tuple[str, ...], float]:
    """Return the error of each face in mm, ``(2, 3)``; the flags; mm2 of true lung in the lowest slice."""
    true = Scan.from_array(phantom.lobes, phantom.affine)
    inside = true.voxels > 0
    area = inside[:, :, 0].sum() * true.spacing[0] * true.spacing[1]
    scan = Scan.from_array(phantom.hounsfield, phantom.affine)
    try:
        lungs = find_lungs(scan)
    except RefusedScan as refusal:
        rightly = refusal.code == "partial_thorax" and _cut(inside)
        return (np.zeros((2, 3)) if rightly else FAR), (), 0.0
    to_scan = np.linalg.inv(scan.affine) @ lungs.coarse.affine
    found = [np.diag(to_scan)[:3] * face + to_scan[:3, 3] for face in (lungs.hull.low, lungs.hull.high)]
    planes = [np.flatnonzero(inside.any(tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    faces = np.array([(ends[0] - 0.5, ends[-1] + 0.5) for ends in planes]).T
    error = (np.array(found) - faces) * scan.spacing
    missing = phantom.variation.missing_lung
    if missing:
        error[int(missing > 0), 0] = 0.0  # that side is the mirror image of the other, as the flag says
    return error, lungs.flags, float(area)


def flag_is_right(flags: tuple[str, ...], area: float) -> bool:
    """Say whether ``lungs_cut_at_bottom`` is there where it must be, and not where it must not."""
    flagged = "lungs_cut_at_bottom" in flags
    return not (area > SURELY_OPEN and not flagged) and not (area < SURELY_CLOSED and flagged)


def _cut(inside: np.ndarray) -> bool:
    """Say whether the field of view cuts the true lungs at a side, or amid them at an end."""
    areas = inside.sum((0, 1))
    return bool(inside[[0, -1]].any() or max(areas[0], areas[-1]) > 0.5 * areas.max())
