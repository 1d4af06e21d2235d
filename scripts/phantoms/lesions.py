"""What the classes differ in: COVID-19's rounded ground glass, and fibrosis with honeycombing."""

from dataclasses import dataclass

import numpy as np

from .anatomy import Chest
from .geometry import smooth_noise
from .lungs import Lungs
from .population import Population

__all__ = [
    "CONSOLIDATION", "GROUND_GLASS", "NO_LESION", "RETICULATION",
    "Lesions", "draw_lesions",
]  # fmt: skip

NO_LESION, GROUND_GLASS, CONSOLIDATION, RETICULATION = range(4)
CYST = -930.0  # HU, the air in a honeycomb


@dataclass(frozen=True)
class Lesions:
    """How far the disease reaches.

    ``extent`` is negative where there is disease and ``core`` in its worst part (consolidation, or
    honeycombing), both ``(S, A, R)`` in about mm. ``codes`` are the labels of the two, ``density`` and
    ``core_density`` their HU. ``cells`` holds the centres of the honeycombs, ``(N, 3)`` as right, front,
    up in mm; COVID-19 has none.
    """

    severity: str
    extent: np.ndarray
    core: np.ndarray
    codes: tuple[int, int]
    density: float
    core_density: float
    cells: np.ndarray | None


def draw_lesions(
    label: int, chest: Chest, lungs: Lungs, population: Population, random: np.random.Generator
) -> Lesions | None:
    """Draw the lesions of one scan, of one of the population's severities with equal odds.

    Args:
        label: 0 non-pneumonia, 1 other pneumonia, 2 COVID-19.
        chest: the anatomy.
        lungs: the lungs the lesions grow in.
        population: the shares of each severity and the densities.
        random: the scan's own stream of lesions, which draws nothing else.

    Returns:
        The lesions, or None for non-pneumonia.
    """
    if label == 0:
        return None
    severity = population.severities[random.integers(len(population.severities))]
    share = random.uniform(*getattr(population, severity))
    if label == 1:
        reach, worst = _fibrosis(chest, lungs, random), random.uniform(0.25, 0.6)
        codes = (RETICULATION, RETICULATION)
        density, core_density = random.uniform(*population.reticulation), CYST
        cells = _cells(chest, random, random.uniform(*population.honeycomb))
    else:
        reach, worst = _foci(chest, lungs, severity, random), random.uniform(0.0, 0.35)
        codes = (GROUND_GLASS, CONSOLIDATION)
        density = random.uniform(*population.ground_glass)
        core_density, cells = random.uniform(*population.consolidation), None
    worse = reach + 4 * smooth_noise(random, chest.frame.axes, 30)
    inside = lungs.surface < 0
    limit, core_limit = np.quantile(reach[inside], share), np.quantile(worse[inside], share * worst)
    extent = reach - np.float32(limit)
    return Lesions(
        severity,
        extent,
        np.maximum(worse - np.float32(core_limit), extent + 1),
        codes,
        density,
        core_density,
        cells,
    )


def _cells(chest: Chest, random: np.random.Generator, size: float) -> np.ndarray:
    """Honeycomb centres: a cubic lattice, shaken."""
    axes = [np.arange(axis[0], axis[-1] + size, size) for axis in chest.frame.axes[::-1]]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return nodes + random.uniform(-0.45 * size, 0.45 * size, nodes.shape)


def _foci(chest: Chest, lungs: Lungs, severity: str, random: np.random.Generator) -> np.ndarray:
    """Rounded foci in both lungs, most of them under the pleura, behind and below; mm."""
    frame = chest.frame
    count = int(random.integers(*{"mild": (3, 8), "moderate": (6, 14), "severe": (10, 22)}[severity]))
    reach = np.full(frame.shape, 99, np.float32)
    odds = np.exp(lungs.costal / 9 - 0.6 * chest.depth - frame.up / 160) * (lungs.surface < -3)
    sides = [np.cumsum(odds * (lungs.side * sign > 0), dtype=np.float64) for sign in (-1, 1)]
    for k in range(count):
        sums = sides[(k + count) % 2]  # left and right in turn: bilateral
        if not sums[-1]:
            continue  # a missing lung has no foci
        z, y, x = np.unravel_index(np.searchsorted(sums, random.random() * sums[-1]), frame.shape)
        radius = 8 * np.exp(random.uniform(0, 1.3))
        squash = np.exp(random.uniform(-0.25, 0.25, 3))
        squared = (
            ((frame.axes[0] - frame.axes[0][z]) / squash[0])[:, None, None] ** 2
            + ((frame.axes[1] - frame.axes[1][y]) / squash[1])[:, None] ** 2
            + ((frame.axes[2] - frame.axes[2][x]) / squash[2]) ** 2
        )
        np.minimum(reach, np.sqrt(squared).astype(np.float32) - np.float32(radius), out=reach)
    rough = 3.0 * smooth_noise(random, frame.axes, 40) + 2.0 * smooth_noise(random, frame.axes, 18)
    return reach + rough - 0.3 * lungs.costal  # what lies deep is reached last


def _fibrosis(chest: Chest, lungs: Lungs, random: np.random.Generator) -> np.ndarray:
    """A rind under ribs and diaphragm, thickest at the bases and behind; mm."""
    uneven = 6 * smooth_noise(random, chest.frame.axes, 80) + 4 * smooth_noise(random, chest.frame.axes, 24)
    lower = 0.13 * (chest.frame.up + 60)
    return -lungs.costal + lower + 6 * chest.depth + uneven
