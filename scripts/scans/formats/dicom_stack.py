"""The slices of one series -> a regular stack with its place in the world."""

from collections.abc import Sequence

import numpy as np

from ..refusal import RefusedScan
from .dicom_slices import Slice

__all__ = ["is_axial", "is_stack", "stack"]

AXIAL = 0.8  # cosine between the normal and the body's axis: 37 degrees; gantries tilt by 30
UNEVEN = 0.1  # of the step, that a slice may lie off its place in the regular stack
ROUNDED = 0.06  # mm, that it may in any case: some headers have one decimal
UNIT_TOLERANCE = 0.01  # of the length of a direction cosine: headers round
SAME_PLANE = 1e-3  # between direction cosines, or between spacings in mm
SAME_PLACE = 0.01  # mm
SIDEWAYS = 1.0  # mm that a slice may lie beside the fitted line


def is_axial(slice_: Slice) -> bool:
    """Tell an axial slice; one without an orientation is given the benefit, and refused for that later."""
    if slice_.orientation is None or not np.any(slice_.orientation):
        return True
    row, column = np.reshape(slice_.orientation, (2, 3))
    return bool(abs(np.cross(row, column)[2]) >= AXIAL)


def is_stack(slices: Sequence[Slice]) -> bool:
    """Tell whether :func:`stack` accepts the slices."""
    try:
        stack(slices, "")
    except RefusedScan:
        return False
    return True


def stack(slices: Sequence[Slice], name: str) -> tuple[list[Slice], np.ndarray]:
    """Sort slices along the normal of their plane, checked to be even and of one size and orientation.

    Evenness is judged by each slice's distance from the regular stack that fits all of them best, so that
    positions may be rounded, and errors that add up may not.

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
    normal = np.cross(row, column)
    places = np.array([slice_.position for slice_ in slices])
    order = np.argsort(places @ normal, kind="stable")
    corners = places[order]
    _check_gaps(corners @ normal, name)
    first, step = _fit(corners)
    _check_fit(corners - first - np.arange(len(corners))[:, None] * step, normal, step, name)
    row_spacing, column_spacing = slices[0].spacing or (0.0, 0.0)
    affine = np.eye(4)
    affine[:3, 0] = row * column_spacing
    affine[:3, 1] = column * row_spacing
    affine[:3, 2] = step
    affine[:3, 3] = first
    return [slices[i] for i in order], affine


def _fit(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return first corner and step of the regular stack with the least squared distances from the corners."""
    index = np.arange(len(corners)) - (len(corners) - 1) / 2
    step = index @ (corners - corners.mean(0)) / (index @ index)
    return corners.mean(0) + index[0] * step, step


def _check_headers(slices: Sequence[Slice], name: str) -> None:
    for field in ("orientation", "position", "spacing"):
        values = [getattr(slice_, field) for slice_ in slices]
        if any(value is None or not np.isfinite(value).all() for value in values):
            raise RefusedScan("bad_geometry", name, f"slices without {field}; expected it in each")
    if min(min(slice_.spacing or (0.0,)) for slice_ in slices) < 0:
        raise RefusedScan("bad_geometry", name, "a negative pixel spacing; expected two positive numbers")
    scales = np.array([[slope, intercept] for slope, intercept in (s.rescale for s in slices)], dtype=float)
    if (scales[:, 0] == 0).any() or np.isinf(scales).any():
        raise RefusedScan("bad_rescale", name, "a rescale slope of 0, or none that is finite; expected 1")
    missing = np.isnan(scales)
    if (missing.any(0) & ~missing.all(0)).any():
        few = int(missing.any(1).sum())
        found = f"{few} of {len(slices)} slices have no rescale slope or intercept, the others have"
        raise RefusedScan("bad_rescale", name, f"{found}; expected them in each")
    for slice_ in slices:
        row, column = np.reshape(np.array(slice_.orientation), (2, 3))
        if abs(np.linalg.norm(np.cross(row, column)) - 1) > UNIT_TOLERANCE:
            raise RefusedScan("bad_geometry", name, "an orientation that is none; expected two directions")
    planes = np.array([[*(s.spacing or ()), *(s.orientation or ())] for s in slices])
    if len({s.size for s in slices}) > 1 or np.abs(planes - planes[0]).max() > SAME_PLANE:
        raise RefusedScan(
            "several_orientations",
            name,
            "different sizes, pixel spacings or orientations among the slices; expected one",
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


def _check_fit(off: np.ndarray, normal: np.ndarray, step: np.ndarray, name: str) -> None:
    """Refuse slices that lie off their places in the regular stack, by ``off``, ``(slices, 3)``, in mm."""
    along = off @ normal
    aside = np.linalg.norm(off - along[:, None] * normal, axis=1)
    if aside.max() > SIDEWAYS:
        raise RefusedScan(
            "uneven_slices", name, f"slices lie up to {aside.max():.1f} mm aside; expected a straight stack"
        )
    between = float(np.linalg.norm(step))
    if np.abs(along).max() > max(ROUNDED, UNEVEN * between):
        raise RefusedScan(
            "uneven_slices",
            name,
            f"slices up to {np.abs(along).max():.2g} mm off gaps of {between:.4g} mm; expected even ones",
        )
