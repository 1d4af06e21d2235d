"""The slices of one series -> a regular stack with its place in the world."""

from collections.abc import Sequence

import numpy as np

from ..refusal import RefusedScan
from .dicom_slices import Slice

__all__ = ["stack"]

SPACING_TOLERANCE = 0.05  # share of the usual gap between slices: headers round positions
UNIT_TOLERANCE = 0.01  # of the length of a direction cosine: headers round
SAME_PLACE = 0.01  # mm
SIDEWAYS = 1.0  # mm that a slice may lie beside the line from the first to the last


def stack(slices: Sequence[Slice], name: str) -> tuple[list[Slice], np.ndarray]:
    """Sort slices along the normal of their plane, checked to be even and of one size and orientation.

    Args:
        slices: of one series, in any order.
        name: of the scan, for messages.

    Returns:
        The slices in order, and the affine from voxel (column, row, slice) to world mm in DICOM's LPS+.

    Raises:
        RefusedScan: ``bad_geometry``, ``bad_rescale``, ``several_orientations``, ``too_few_slices``,
            ``missing_slices``, ``duplicate_slices``, ``uneven_slices``.
    """
    _check_headers(slices, name)
    row, column = np.reshape(np.array(slices[0].orientation), (2, 3))
    places = np.array([slice_.position for slice_ in slices])
    heights = places @ np.cross(row, column)
    order = np.argsort(heights, kind="stable")
    corners = places[order]
    _check_gaps(heights[order], name)
    along = (heights[order] - heights.min()) / np.ptp(heights)
    aside = np.linalg.norm(corners - corners[0] - along[:, None] * (corners[-1] - corners[0]), axis=1)
    if aside.max() > SIDEWAYS:
        raise RefusedScan(
            "uneven_slices", name, f"slices lie up to {aside.max():.1f} mm aside; expected a straight stack"
        )
    row_spacing, column_spacing = slices[0].spacing or (0.0, 0.0)
    affine = np.eye(4)
    affine[:3, 0] = row * column_spacing
    affine[:3, 1] = column * row_spacing
    affine[:3, 2] = (corners[-1] - corners[0]) / (len(corners) - 1)
    affine[:3, 3] = corners[0]
    return [slices[i] for i in order], affine


def _check_headers(slices: Sequence[Slice], name: str) -> None:
    for field in ("orientation", "position", "spacing"):
        values = [getattr(slice_, field) for slice_ in slices]
        if any(value is None or not np.isfinite(value).all() for value in values):
            raise RefusedScan("bad_geometry", name, f"slices without {field}; expected it in each")
    if any(slice_.rescale is not None and slice_.rescale[0] == 0 for slice_ in slices):
        raise RefusedScan("bad_rescale", name, "a rescale slope of 0 makes all voxels alike; expected 1")
    for slice_ in slices:
        row, column = np.reshape(np.array(slice_.orientation), (2, 3))
        if abs(np.linalg.norm(np.cross(row, column)) - 1) > UNIT_TOLERANCE:
            raise RefusedScan("bad_geometry", name, "an orientation that is none; expected two directions")
    planes = {
        (slice_.size, *np.round([*(slice_.spacing or ()), *(slice_.orientation or ())], 4).tolist())
        for slice_ in slices
    }
    if len(planes) > 1:
        raise RefusedScan(
            "several_orientations",
            name,
            f"{len(planes)} different sizes, pixel spacings or orientations among the slices; expected one",
        )
    if len(slices) < 2:
        raise RefusedScan("too_few_slices", name, "a single slice; expected the series of a whole chest")


def _check_gaps(positions: np.ndarray, name: str) -> None:
    gaps = np.diff(positions)
    usual = float(np.median(gaps))
    if gaps.min() < SAME_PLACE:
        twice = int((gaps < SAME_PLACE).sum())
        raise RefusedScan(
            "duplicate_slices", name, f"{twice} slices lie where another lies; expected one each"
        )
    holes = np.flatnonzero(gaps > 1.5 * usual)
    if len(holes):
        lost = int(np.round(gaps[holes] / usual).sum()) - len(holes)
        where = ", ".join(f"{gaps[i]:g} mm at {positions[i]:g} mm" for i in holes[:3])
        raise RefusedScan(
            "missing_slices",
            name,
            f"{lost} slices are missing (gaps of {where}; usually {usual:g} mm); get the whole series",
        )
    if np.abs(gaps - usual).max() > SPACING_TOLERANCE * usual:
        raise RefusedScan(
            "uneven_slices",
            name,
            f"gaps between slices from {gaps.min():g} to {gaps.max():g} mm; expected even ones",
        )
