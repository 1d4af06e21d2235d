"""Body and lungs as the network's own grid shows them: where heat can mean something."""

from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage

from scripts.scans import Hull, enclosed_air

from .explaining import HeatMap

__all__ = ["HEAT_FLAGS", "Anatomy", "heat_flags"]

TISSUE = -320.0  # HU: halfway between aerated lung and soft tissue
LUNG_PIECE = 0.1  # of the largest piece of enclosed air: smaller ones are airways and gas
SMALLEST_PIECE = 0.005  # of the grid

HEAT_FLAGS = {
    "no_heat": "nothing in the scan speaks for the class that the heat map explains",
    "maximum_outside_lungs": "the heat map's maximum lies outside the lungs as the grid shows them",
}


class Anatomy(NamedTuple):
    """Two masks on the grid, ``(R, A, S)``.

    Attributes:
        body: all but the air that reaches the sides of an axial slice.
        lungs: convex hulls of the large pieces of enclosed air, which bridge consolidation; empty where there
            is none, or where the window does not tell air from tissue.
    """

    body: np.ndarray
    lungs: np.ndarray

    @classmethod
    def of(cls, hounsfield: torch.Tensor) -> "Anatomy":
        """Find body and lungs.

        Args:
            hounsfield: what the network saw, in HU; may be clamped. ``(R, A, S)``.
        """
        values = hounsfield.cpu().numpy().astype(float)
        air = values < TISSUE
        enclosed = enclosed_air(air)
        lungs = np.zeros(air.shape, dtype=bool)
        pieces, count = ndimage.label(enclosed)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
        for piece in (
            np.flatnonzero(sizes >= max(LUNG_PIECE * sizes.max(initial=0), SMALLEST_PIECE * air.size)) + 1
        ):
            mask = pieces == piece
            lungs |= mask | Hull.of_points(Hull.surface(values, mask, TISSUE)).mask(mask.shape)
        return cls(body=~air | enclosed, lungs=lungs)


def heat_flags(heat_map: HeatMap, anatomy: Anatomy) -> tuple[str, ...]:
    """Return which of :data:`HEAT_FLAGS` hold; where no lungs are found, nothing is said of them.

    Args:
        heat_map: on the grid.
        anatomy: of the same grid.
    """
    if not heat_map.scale:
        return ("no_heat",)
    outside = anatomy.lungs.any() and not anatomy.lungs[heat_map.hottest]
    return ("maximum_outside_lungs",) if outside else ()
