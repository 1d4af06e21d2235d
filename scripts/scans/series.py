"""The files of a DICOM scan, in the order of its voxels."""

from pathlib import Path

import numpy as np

from .declaration import Declaration
from .formats import dicom_order
from .slice_files import dicom_files, slice_files

__all__ = ["series_files"]


def series_files(
    path: str | Path, declared: Declaration | None = None, name: str | None = None
) -> tuple[list[Path], np.ndarray]:
    """Return the slices of the one CT series that :func:`read_scan` reads, in the order of its last axis.

    Args:
        path: a folder of DICOM slices, one a file.
        declared: as for :func:`read_scan`.
        name: of the scan, for messages.

    Returns:
        The files, none where it is no such folder; and the affine to world mm (RAS+).

    Raises:
        RefusedScan: as :func:`read_scan` does, but for pixels.
    """
    name, declared = name or str(path), declared or Declaration()
    files = dicom_files(slice_files(str(path), declared, name)) if Path(path).is_dir() else []
    if not files:
        return [], np.eye(4)
    ordered, affine = dicom_order(files, declared, name)
    return [file.path for file in ordered], affine
