"""A scan from a path, read and checked, for programs that work without MONAI's transforms."""

from pathlib import Path

from .checks import check_hounsfield, check_shape
from .declaration import Declaration
from .flags import geometry_flags
from .grey import check_window
from .reading import read_scan
from .scan import Scan

__all__ = ["read_checked_scan"]


def read_checked_scan(
    path: str | Path,
    declared: Declaration | None = None,
    name: str | None = None,
    window: tuple[float, float] | None = None,
) -> tuple[Scan, tuple[str, ...]]:
    """Read a scan and check that it is a volume in HU.

    Args:
        path: as in :func:`read_scan`.
        declared: as there.
        name: as there.
        window: ``(level, width)`` in HU that will be looked at; a declared display window must cover it.

    Returns:
        The scan, and the flags of its file and of its geometry.

    Raises:
        RefusedScan: it cannot be read, or is no CT in HU.
    """
    volume = read_scan(path, declared, name)
    scan = Scan.from_array(volume.voxels, volume.affine, name or str(path))
    check_shape(scan.voxels.shape, scan.name)
    if window is not None:
        check_window(volume.hounsfield, window, scan.name)
    check_hounsfield(scan)
    return scan, (*volume.flags, *geometry_flags(scan, volume.flags))
