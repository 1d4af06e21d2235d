"""The small things inside the lungs: vessel and bronchial trees, and nodules."""

from dataclasses import dataclass

import numpy as np

from .anatomy import Chest
from .lungs import Lungs, lobe_labels
from .mediastinum import HILA
from .vessels import Branches, grow_tree

__all__ = ["Details", "draw_details"]

TIPS = {1: 512, 2: 512, 3: 512, 4: 256, 5: 512}  # per lobe and tree
CANDIDATES = 4096  # points of a lobe from which the tips are taken
VEIN_OFFSET = np.array([0.0, 6.0, -16.0])  # mm from the hilum's artery
AIRWAY_FORKS = 4  # generations of bronchi that are wide enough to be seen


@dataclass(frozen=True)
class Details:
    """Tubes in mm of the reference chest; ``nodules`` is ``(N, 4)``: right, front, up, radius."""

    vessels: Branches
    airways: Branches
    nodules: np.ndarray


def draw_details(chest: Chest, lungs: Lungs, random: np.random.Generator) -> Details:
    """Grow an artery with its bronchus, and a vein, into each lobe; place the nodules."""
    spacing = float(chest.frame.axes[0][1] - chest.frame.axes[0][0])
    deep = lobe_labels(lungs.surface < -3.5, lungs.side < 0, lungs.oblique, lungs.horizontal)
    radius = 4.8 * chest.patient.vessel_calibre
    trees, bronchi, spots = [], [], []
    for lobe, tips in TIPS.items():
        voxels = np.flatnonzero(deep.ravel() == lobe)
        if not len(voxels):
            raise ValueError(f"the field of view misses lobe {lobe}: shape * spacing must span the chest")
        taken = voxels[(random.random(CANDIDATES) * len(voxels)).astype(int)]
        z, y, x = np.unravel_index(taken, deep.shape)
        up, front, right = chest.frame.axes
        points = np.stack([right[x], front[y], up[z]], axis=1) + random.uniform(
            -spacing / 2, spacing / 2, (CANDIDATES, 3)
        )
        hilum = np.array(HILA["left" if lobe <= 2 else "right"])
        size = radius * (tips / 512) ** (1 / 3)
        artery = grow_tree(random, hilum + random.normal(0, 3, 3), points[:tips], size)
        vein = grow_tree(random, hilum + VEIN_OFFSET, points[tips : 2 * tips], 0.92 * size)
        trees += [artery, vein]
        bronchi.append(_beside(artery, *_calibre(chest, lobe)))
        spots.append(points[-chest.patient.nodules :] if chest.patient.nodules else points[:0])
    nodules = np.concatenate(spots)[random.permutation(5 * chest.patient.nodules)[: chest.patient.nodules]]
    radii = random.uniform(2, 5.5, (len(nodules), 1))
    return Details(_joined(trees), _joined(bronchi), np.hstack([nodules, radii]))


def _calibre(chest: Chest, lobe: int) -> tuple[float, int]:
    """Return how many times its normal width a lobe's bronchi have, and how many generations are seen."""
    widened, times = chest.patient.variation.bronchiectasis or (0, 1.0)
    return (times, AIRWAY_FORKS + 2) if widened == lobe else (1.0, AIRWAY_FORKS)


def _beside(artery: Branches, times: float, forks: int) -> Branches:
    """A bronchus runs with each artery, a little narrower unless it is widened."""
    pieces = 2**forks - 1
    radius = artery.radius[:pieces]
    offset = np.array([0.3, 0.8, 0.5])[None] * 2.0 * radius[:, None] * times**0.5
    offset_end = offset * 0.85
    return Branches(artery.start[:pieces] + offset, artery.end[:pieces] + offset_end, 0.62 * times * radius)


def _joined(parts: list[Branches]) -> Branches:
    first, *rest = parts
    for part in rest:
        first = first.join(part)
    return first
