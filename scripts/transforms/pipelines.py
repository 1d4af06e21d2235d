"""The preprocessing that training, evaluation and inference share."""

from collections.abc import Sequence

from monai.transforms import Compose

from .loading import LoadScand
from .regions import Region
from .to_grid import ToGridd

__all__ = ["preprocessing", "voxels_per_scan"]


def preprocessing(
    region: Region,
    spatial_shape: Sequence[int],
    window: tuple[float, float] = (-500.0, 1500.0),
    key: str = "image",
    lobes_key: str | None = None,
) -> Compose:
    """From a path to the network's grid: read, check, find the region, resample once, window.

    Args:
        region: :class:`LungRegion` or :class:`WholeScanRegion`.
        spatial_shape: voxels of the grid along R, A, S.
        window: ``(level, width)`` in HU that becomes 0..1.
        key: of the scan's path in the item, and of the grid; other keys pass through.
        lobes_key: of the path of a lobe mask, for regions that ask for one; items may lack it. None: of none.

    Returns:
        A flat Compose (a nested one counts as random and would not be cached).
    """
    return Compose([LoadScand(key), ToGridd(key, region, spatial_shape, window, lobes_key)])


def voxels_per_scan(steps: Compose) -> int:
    """Return how many voxels a scan has on its grid, or on all of them for an ensemble of several.

    Args:
        steps: of :func:`preprocessing`, or such as an ensemble has.
    """
    return sum(step.voxels for step in steps.transforms if isinstance(step, ToGridd))
