"""What a reader of the answer should know of an accepted scan's geometry."""

from collections.abc import Sequence

import numpy as np

from .scan import Scan

__all__ = ["FLAGS", "geometry_flags"]

FLAGS = {
    "lungs_cut_at_top": "the scan ends within the lungs' tips",
    "lungs_cut_at_bottom": "the scan ends within the lungs' bases",
    "one_lung": "the other holds no air; the box comes from the mirror image of this one",
    "thick_slices": "more than 5 mm from slice to slice",
    "repeated_slices": "neighbouring slices are copies: interpolated by repetition, or stacked wrongly",
    "unusual_field_of_view": "less than 250 mm or more than 550 mm from side to side, or over 600 mm high",
    "sharp_kernel": "a DICOM kernel for bone or fine lung detail: more noise, sharper edges",
    "windowed": "grey levels of a declared display window, mapped back to HU",
    "spacing_assumed": "PNG or JPG without a declared spacing: 350 mm across and 300 mm high",
    "orientation_assumed": "none given: pictures from head to feet, NIfTI as nibabel reads it",
    "geometry_declared": "the declared spacing or orientation stands in place of the file's",
    "rescale_assumed": "a DICOM header without rescale slope (1 is taken) or intercept (0)",
    "files_not_read": "files that are named as the DICOM slices beside them are no DICOM, or damaged",
}
THICK = 5.05  # mm from slice to slice; headers round
WIDTH = (250.0, 550.0)  # mm from side to side
HEIGHT = 600.0  # mm


def geometry_flags(scan: Scan, known: Sequence[str] = ()) -> tuple[str, ...]:
    """Return ``thick_slices``, ``unusual_field_of_view`` and ``repeated_slices`` where they hold.

    Args:
        scan: accepted.
        known: its flags so far; with ``spacing_assumed`` nothing is said of millimetres.
    """
    measured = "spacing_assumed" not in known
    width, _, height = scan.spacing * scan.voxels.shape
    found = {
        "thick_slices": measured and scan.spacing[2] > THICK,
        "unusual_field_of_view": measured and (not WIDTH[0] <= width <= WIDTH[1] or height > HEIGHT),
        "repeated_slices": _repeats(scan.voxels),
    }
    return tuple(flag for flag, holds in found.items() if holds)


def _repeats(voxels: np.ndarray) -> bool:
    """Tell whether two neighbouring slices agree: noise makes any two differ, but for empty ones."""
    coarse = voxels[::8, ::8]
    same = (coarse[..., 1:] == coarse[..., :-1]).all((0, 1)) & (np.ptp(coarse[..., 1:], axis=(0, 1)) > 0)
    return any((voxels[..., k] == voxels[..., k + 1]).all() for k in np.flatnonzero(same))
