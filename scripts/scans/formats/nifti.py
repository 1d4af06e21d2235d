"""NIfTI -> a volume."""

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from ..limits import check_voxels
from ..refusal import RefusedScan
from ..scan import Volume

__all__ = ["read_nifti"]

MM_OF_UNIT = {"meter": 1000.0, "micron": 0.001}  # all others are taken for mm
UNITY = (1, 0)  # slope, intercept
NIFTI_2_HEADER = 540  # bytes


def read_nifti(path: Path, name: str) -> Volume:
    """Read a NIfTI file; the voxels keep their type and nibabel's memory order unless they are scaled.

    Args:
        path: ``.nii`` or ``.nii.gz``.
        name: of the scan, for messages.

    Returns:
        The volume, flagged ``orientation_assumed`` where the header gives none (neither sform nor qform).

    Raises:
        RefusedScan: ``bad_rescale``, ``bad_geometry`` where the header has no spacing, ``too_large``.
    """
    if path.name.lower().endswith(".gz"):
        with gzip.open(path) as stream:
            image = _type_of(stream.peek(4)[:4]).from_stream(stream)
            voxels = _voxels(image, name)
            while stream.read(2**20):  # to the end, where the checksum lies
                pass
    else:
        image = nibabel.load(path)
        voxels = _voxels(image, name)
    header = image.header
    if header["sform_code"] == 0:
        _check_spacing(path, type(header), name)
    affine = image.affine.copy()
    affine[:3] *= MM_OF_UNIT.get(header.get_xyzt_units()[0], 1.0)
    placed = header["sform_code"] > 0 or header["qform_code"] > 0
    return Volume(voxels, affine, () if placed else ("orientation_assumed",))


def _type_of(start: bytes) -> Any:
    """Tell NIfTI-2 from NIfTI-1 by the header's size, in either byte order."""
    second = NIFTI_2_HEADER in (int.from_bytes(start, "little"), int.from_bytes(start, "big"))
    return nibabel.Nifti2Image if second else nibabel.Nifti1Image


def _voxels(image: Any, name: str) -> np.ndarray:
    check_voxels(image.shape, name)
    proxy = image.dataobj
    if not np.isfinite([proxy.slope, proxy.inter]).all():
        raise RefusedScan("bad_rescale", name, "slope or intercept is not finite; expected stored HU")
    scaled = (proxy.slope, proxy.inter) != UNITY
    voxels = np.asarray(proxy, dtype=np.float32) if scaled else proxy.get_unscaled()
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    return voxels


def _check_spacing(path: Path, header_type: Any, name: str) -> None:
    """Refuse a header without spacing: nibabel would put 1 mm in its place."""
    with nibabel.openers.ImageOpener(str(path)) as file:
        written = header_type.from_fileobj(file, check=False)["pixdim"][1:4]
    if not (np.isfinite(written).all() and (written > 0).all()):
        raise RefusedScan(
            "bad_geometry", name, f"spacing {written.tolist()}; expected three positive numbers of mm"
        )
