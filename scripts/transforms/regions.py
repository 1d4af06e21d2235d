"""Which part of a scan the network sees."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scripts.scans import Scan, find_lungs

__all__ = ["BodyRegion", "Box", "LungRegion", "Region", "WholeScanRegion"]


@dataclass(frozen=True)
class Box:
    """Part of a scan, in its canonical voxels: voxel j reaches from j - 1/2 to j + 1/2.

    Attributes:
        low: lower faces along R, A, S; they may lie outside the scan, where there is air.
        high: upper faces.
        flags: what a reader of the result should know.
        lobes: the label map that was made on the way, packed as text by who made it; empty: none was.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    flags: tuple[str, ...] = ()
    lobes: str = ""


Region = Callable[[Scan], Box]


@dataclass(frozen=True)
class LungRegion:
    """The box of the lungs' convex hull (PARL, section 3.1).

    Args:
        margin: added on all six sides, in mm.
    """

    margin: float = 10.0

    def __call__(self, scan: Scan) -> Box:
        lungs = find_lungs(scan)
        to_scan = np.linalg.inv(scan.affine) @ lungs.coarse.affine  # scale and shift only
        low, high = (
            np.diag(to_scan)[:3] * face + to_scan[:3, 3] for face in (lungs.hull.low, lungs.hull.high)
        )
        margin = self.margin / scan.spacing
        return Box(tuple((low - margin).tolist()), tuple((high + margin).tolist()), lungs.flags)


@dataclass(frozen=True)
class WholeScanRegion:
    """All of the scan, once lungs are found in it (Shi et al.)."""

    def __call__(self, scan: Scan) -> Box:
        flags = find_lungs(scan).flags
        shape = scan.voxels.shape
        return Box((-0.5, -0.5, -0.5), tuple(size - 0.5 for size in shape), flags)


@dataclass(frozen=True)
class BodyRegion:
    """The box of all that is denser than air, once lungs are found in the scan.

    It is the crop that encoders trained on whole CTs come with (MONAI's ``CropForeground``). Noise counts,
    so it seldom cuts the air that was imaged, only what a scanner filled in around it.

    Args:
        threshold: in HU; only what lies above is in the box.
    """

    threshold: float = -1000.0

    def __call__(self, scan: Scan) -> Box:
        flags = find_lungs(scan).flags
        above = scan.voxels > self.threshold
        found = [np.flatnonzero(np.any(above, others)) for others in ((1, 2), (0, 2), (0, 1))]
        low, high = (np.array([axis[end] for axis in found]) for end in (0, -1))
        return Box(tuple((low - 0.5).tolist()), tuple((high + 0.5).tolist()), flags)
