"""The answer for one scan: everything that people, tables, pictures and DICOM objects take from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from scripts.explanation import (
    Anatomy,
    HeatMap,
    LobeSummary,
    heat_flags,
    heat_on_scan,
    lobe_shares,
    summarise_lobes,
)
from scripts.lobes import LobeMap
from scripts.scans import file_stem
from scripts.transforms import from_window, grid_to_scan

__all__ = ["UNLIKE_TRAINING", "Answer", "Explanation", "Geometry"]

UNLIKE_TRAINING = "unlike_training"  # flag, and reason to abstain


@dataclass(frozen=True, eq=False)
class Geometry:
    """Where a scan and its grid lie.

    Attributes:
        affine: ``(4, 4)``, voxel of the scan as it was read to world in mm (RAS+).
        shape: of the scan as it was read.
        grid_affine: ``(4, 4)``, voxel of the network's grid to world in mm.
    """

    affine: np.ndarray
    shape: tuple[int, int, int]
    grid_affine: np.ndarray


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where the network looked.

    Attributes:
        heat_map: on the grid, 0 to 1, with its scale and maximum.
        target: name of the class that is explained.
        method: that made it.
        geometry: of the scan.
        find_slice_curve: makes :attr:`slice_curve`.
    """

    heat_map: HeatMap
    target: str
    method: str
    geometry: Geometry
    find_slice_curve: Callable[[], torch.Tensor | None] | None = field(repr=False, default=None)

    @cached_property
    def slice_curve(self) -> torch.Tensor | None:
        """How much each axial slice of the grid weighs, ``(S,)``, with depth attention; another pass."""
        return None if self.find_slice_curve is None else self.find_slice_curve()

    @property
    def array(self) -> np.ndarray:
        """Heat from 0 to 1 on the scan's own voxels, float32; 0 where the network saw nothing."""
        place, heat = self.geometry, self.heat_map.heat
        return grid_to_scan(heat, place.grid_affine, place.affine, place.shape).clamp_(0, 1).numpy()

    @property
    def affine(self) -> np.ndarray:
        """``(4, 4)``, voxel of :attr:`array` to world in mm: the scan's."""
        return self.geometry.affine

    @cached_property
    def steps(self) -> np.ndarray:
        """The same in 255 steps, uint8: a byte a voxel."""
        place = self.geometry
        return heat_on_scan(self.heat_map.heat, place.grid_affine, place.affine, place.shape)

    @property
    def maximum(self) -> tuple[float, float, float] | None:
        """Where the heat is highest, world mm (RAS+); None where there is none."""
        if not self.heat_map.scale:
            return None
        r, a, s = self.heat_map.hottest_in_world(self.geometry.grid_affine).tolist()
        return r, a, s


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of one scan. A refused scan has no probabilities, and a reason.

    Attributes:
        name: of the scan, as the user named it.
        position: among the scans of the run.
        path: of its file or folder; empty for an array.
        series: that was declared of a DICOM folder, or empty.
        patient: as the datalist names it, or the key that a DICOM patient got; may be empty.
        label: index of the true class, where it is known.
        classes: names by index.
        probabilities: calibrated, by class name; empty where the scan was refused.
        raw: as the network said, by class name.
        above_threshold: classes whose probability reaches its stored threshold.
        abstain: nothing is predicted: refused, not finite, or less sure than asked for.
        reason: why it abstains; empty where it does not.
        refusal: code of the refusal, ``non_finite_output``, or empty.
        training_distance: to the scans that the network was trained on, in multiples of what is usual; above
            1 the scan is flagged ``unlike_training``. None where the model file does not know.
        read_flags: what a reader should know of how the scan was read.
        content_hash: of the scan's voxels (:class:`scripts.scans.Scan`).
        intensity: ``HU``, or the display window that the scan was declared in.
        geometry: of scan and grid; None for a refused scan.
        grid: what the network saw, 0 to 1, ``(R, A, S)``; None for a refused scan.
        window: level, width in HU that 0 to 1 stand for.
    """

    name: str
    position: int
    path: str
    series: str
    patient: str
    label: int | None
    classes: tuple[str, ...]
    probabilities: dict[str, float]
    raw: dict[str, float]
    above_threshold: tuple[str, ...]
    abstain: bool
    reason: str
    refusal: str
    read_flags: tuple[str, ...]
    content_hash: str
    intensity: str
    geometry: Geometry | None = field(repr=False, default=None)
    grid: torch.Tensor | None = field(repr=False, default=None)
    window: tuple[float, float] = (-500.0, 1500.0)
    training_distance: float | None = None
    is_explained: bool = False
    explain: Callable[[], Explanation] | None = field(repr=False, default=None)
    find_lobes: Callable[[], tuple[LobeMap, str] | None] | None = field(repr=False, default=None)

    @property
    def prediction(self) -> str:
        """The class with the highest calibrated probability; empty where the scan was refused."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else ""

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader should know: of the scan, and, where it is explained, of its heat map."""
        summary = self.lobe_summary if self.is_explained else None
        distance = self.training_distance
        unlike = (UNLIKE_TRAINING,) if distance is not None and distance > 1 else ()
        return (*self.read_flags, *unlike, *self.heat_flags, *(summary.flags if summary else ()))

    @property
    def heat_flags(self) -> tuple[str, ...]:
        """What is wrong with the heat map (``HEAT_FLAGS``); empty where the scan is not explained."""
        explanation = self.explanation if self.is_explained else None
        return (
            ()
            if explanation is None or self.anatomy is None
            else heat_flags(explanation.heat_map, self.anatomy)
        )

    @cached_property
    def anatomy(self) -> Anatomy | None:
        """Body and lungs on the grid; None for a refused scan."""
        return None if self.grid is None else Anatomy.of(from_window(self.grid, self.window))

    @cached_property
    def explanation(self) -> Explanation | None:
        """The heat map; made when it is first asked for. None for a refused scan."""
        return self.explain() if self.explain is not None and self.prediction else None

    @cached_property
    def lobes(self) -> tuple[LobeMap, str] | None:
        """The lobes and where they come from ("lobe mask" or "lobe network"); None where none are known."""
        return self.find_lobes() if self.find_lobes is not None and self.prediction else None

    @cached_property
    def lobe_summary(self) -> LobeSummary | None:
        """Opacity of each lobe and, where the scan is explained, heat; None where no lobes are known."""
        if self.lobes is None or self.geometry is None or self.grid is None:
            return None
        grid_affine = self.geometry.grid_affine
        hounsfield = from_window(self.grid, self.window)
        shares = lobe_shares(self.lobes[0], grid_affine, hounsfield.shape)
        voxel_volume = abs(float(np.linalg.det(grid_affine[:3, :3])))
        explanation = self.explanation if self.is_explained else None
        heat_map = None if explanation is None else explanation.heat_map
        return summarise_lobes(heat_map, hounsfield, shares, voxel_volume)

    @property
    def opacity(self) -> list[dict[str, Any]] | None:
        """One row a lobe: volume, opacity and consolidation in mL; None where no lobes are known."""
        return None if self.lobe_summary is None else self.lobe_summary.lobes

    @property
    def stem(self) -> str:
        """A name for the scan's own files, the same for all sinks: position and name."""
        return f"{self.position:04d}_{file_stem(self.name)}"
