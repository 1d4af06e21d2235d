"""A label map of the lobes: their volumes, the box around them, and whether it can be true."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from scripts.errors import UserError
from scripts.scans import Scan, read_scan

from .labels import LEFT, LOBES, convert_labels

__all__ = ["LobeMap", "read_lobes"]

SMALLEST_SHARE = 0.01  # of the lungs: a lobe with less is missing
TOTAL = (800.0, 10000.0)  # mL of both lungs of an adult, at any breath
SHARES = {  # of the lungs, mean and standard deviation in 32 supine volunteers (Yamada et al.)
    "left upper": (0.231, 0.021),
    "left lower": (0.232, 0.024),
    "right upper": (0.179, 0.024),
    "right middle": (0.093, 0.016),
    "right lower": (0.265, 0.026),
}
WIDEST = 4.0  # standard deviations: room for patients, who are no volunteers


@dataclass(frozen=True, eq=False)
class LobeMap:
    """Lobes in canonical voxels.

    Attributes:
        labels: 0 background, 1 left upper, 2 left lower, 3 right upper, 4 right middle, 5 right lower; uint8,
            shape ``(R, A, S)``.
        affine: ``(4, 4)``, voxel to world in mm (RAS+).
        found: what was noticed while it was made, in words for programs.
        weights: SHA-256 of the lobe network that made it; "" for a mask.
    """

    labels: np.ndarray
    affine: np.ndarray
    found: tuple[str, ...] = ()
    weights: str = ""

    def volumes(self) -> dict[str, float]:
        """Return the volume of each lobe in mL, by name."""
        voxel = abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000
        counts = self._profiles[2].sum(axis=0)
        return {lobe: float(count) * voxel for lobe, count in zip(LOBES, counts, strict=True)}

    def flags(self) -> tuple[str, ...]:
        """Return why these cannot be a patient's lobes, in words for programs; nothing where they can.

        ``missing_lobe_right_middle`` and its like: under 1 % of the lungs. Where none is missing,
        ``share_out_of_range_right_middle`` and its like: the lobe's share of the lungs is more than four
        standard deviations from the mean of Yamada et al. (Respiration 99(7), 2020, Table 3).
        ``lung_volume_out_of_range``: not within 0.8 to 10 L. The rest is said by :meth:`_misplaced`.
        """
        volumes = self.volumes()
        total = sum(volumes.values())
        flags = [
            f"missing_lobe_{lobe.replace(' ', '_')}"
            for lobe, volume in volumes.items()
            if volume <= SMALLEST_SHARE * total
        ]
        if not flags:  # a lobe that is missing makes the others' shares larger
            flags = [
                f"share_out_of_range_{lobe.replace(' ', '_')}"
                for lobe, (mean, deviation) in SHARES.items()
                if abs(volumes[lobe] / total - mean) > WIDEST * deviation
            ]
        if not TOTAL[0] <= total <= TOTAL[1]:
            flags.append("lung_volume_out_of_range")
        return (*flags, *self._misplaced())

    def _misplaced(self) -> list[str]:
        """Return flags for lobes whose centres lie in another order than in any chest.

        ``left_right_swapped``: the left lobes lie to the right of the right ones. ``upside_down``: a lower or
        the middle lobe lies above the upper lobe of its side. ``back_to_front``: an upper or the middle lobe
        lies behind the lower lobe of its side, as the oblique fissures slant the other way.
        """
        left_upper, left_lower, right_upper, right_middle, right_lower = ((k,) for k in range(1, 6))
        right = (*right_upper, *right_middle, *right_lower)
        lower_and_upper = [(left_lower, left_upper), (right_lower, right_upper)]
        rules = (  # the first of each pair lies before the second along the axis
            ("left_right_swapped", 0, [(LEFT, right)]),
            ("upside_down", 2, [*lower_and_upper, (right_middle, right_upper)]),
            ("back_to_front", 1, [*lower_and_upper, (right_lower, right_middle)]),
        )
        return [
            flag
            for flag, axis, pairs in rules
            if any(self._centre(axis, low) > self._centre(axis, high) for low, high in pairs)
        ]

    def faces(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper faces of the box around all lobes, in voxels along R, A, S."""
        used = [np.flatnonzero(profile.any(axis=1)) for profile in self._profiles]
        return np.array([index[0] - 0.5 for index in used]), np.array([index[-1] + 0.5 for index in used])

    @cached_property
    def _profiles(self) -> list[np.ndarray]:
        """How many voxels of each lobe lie in each plane: along R, A and S, ``(planes, lobes)``."""
        masks = [self.labels == label for label in range(1, len(LOBES) + 1)]
        others = ((1, 2), (0, 2), (0, 1))
        return [np.stack([mask.sum(axis=axes) for mask in masks], axis=1) for axes in others]

    def _centre(self, axis: int, labels: tuple[int, ...]) -> float:
        """Return where the centre of some lobes lies along an axis, in voxels; NaN where there are none."""
        profile = self._profiles[axis][:, [label - 1 for label in labels]].sum(axis=1)
        return float(profile @ np.arange(len(profile)) / profile.sum()) if profile.any() else np.nan


def read_lobes(path: str | Path, scan: Scan, table: str = "bundle") -> LobeMap:
    """Read a mask that belongs to a scan.

    Args:
        path: NIfTI, NRRD or MHA, of the scan's shape and place in the world, in any orientation.
        scan: the scan.
        table: how its labels are numbered, a key of ``LABEL_TABLES``.

    Returns:
        The lobes on the scan's voxels.

    Raises:
        UserError: it cannot be read, is not the scan's, or its labels are not of that table.
    """
    volume = read_scan(path)
    mask = Scan.from_array(volume.voxels, volume.affine, str(path))
    corners = np.array([[0, 0, 0, 1], [*scan.voxels.shape, 1]], dtype=float).T
    apart = np.abs(mask.affine @ corners - scan.affine @ corners).max()
    if mask.voxels.shape != scan.voxels.shape or apart > scan.spacing.min() / 2:
        raise UserError(
            f"{path}: not the lobe mask of {scan.name}: shape {mask.voxels.shape} along R, A, S, at most "
            f"{apart:.1f} mm apart; expected shape {scan.voxels.shape} and the same affine"
        )
    return LobeMap(convert_labels(mask.voxels, table, str(path)), mask.affine)
