"""A scan from a path, read and checked, for programs that work without MONAI's transforms."""

from pathlib import Path

from .checks import check_hounsfield, check_shape
from .reading import ScanReader
from .scan import Scan

__all__ = ["read_scan"]


def read_scan(path: str | Path) -> Scan:
    """Read a scan and check that it is a volume in HU.

    Args:
        path: a file, or the folder of a DICOM series.

    Raises:
        RefusedScan: it cannot be read, or is no CT in HU.
    """
    voxels, meta = ScanReader().get_data(Path(path))
    check_shape(tuple(voxels.shape), str(path))
    scan = Scan.from_array(voxels.numpy(), meta["affine"], str(path))
    check_hounsfield(scan)
    return scan
