"""What lies inside the lungs: arteries, veins and bronchi that branch into every lobe; nodules."""

from dataclasses import dataclass

import numpy as np

from .anatomy import Chest
from .lungs import Lungs, lobe_labels
from .organs import HILA

__all__ = ["Branches", "Details", "ball_points", "draw_details", "grow_tree", "splat", "tube_points"]

GOLDEN = 0.6180339887498949  # fractional step that spreads points evenly
SILVER = 0.7548776662466927
DENSITY = 8  # points drawn per voxel of volume


@dataclass(frozen=True)
class Branches:
    """Straight tubes: ``start`` and ``end`` ``(N, 3)`` as right, front, up, and ``radius`` ``(N,)``, mm."""

    start: np.ndarray
    end: np.ndarray
    radius: np.ndarray

    def join(self, other: "Branches") -> "Branches":
        """Return both sets of pieces as one."""
        return Branches(
            np.concatenate([self.start, other.start]),
            np.concatenate([self.end, other.end]),
            np.concatenate([self.radius, other.radius]),
        )


def grow_tree(random: np.random.Generator, root: np.ndarray, tips: np.ndarray, radius: float) -> Branches:
    """Connect a root to many tips by repeated forking.

    Each fork lies part of the way to the centre of the tips it feeds, and parts them in two halves by
    the direction in which it sees them. Radii follow Murray's law (J. Gen. Physiol. 9, 1926): the cube of
    a parent's radius is the sum of its children's cubes.

    Args:
        random: the patient's stream.
        root: where the tree starts, ``(3,)`` in mm.
        tips: where it ends, ``(2**k, 3)`` in mm.
        radius: of the first piece, mm.

    Returns:
        The pieces, those of the root first.
    """
    groups, parents = tips[None], np.asarray(root, float)[None]
    starts, ends, radii = [], [], []
    while True:
        count, size = groups.shape[:2]
        reach = 0.42 if size > 1 else 1.0
        nodes = parents + reach * (groups.mean(1) - parents)
        nodes += random.normal(0, 0.06, nodes.shape) * np.linalg.norm(nodes - parents, axis=1, keepdims=True)
        starts.append(parents)
        ends.append(nodes)
        radii.append(np.full(count, radius))
        if size == 1:
            return Branches(np.concatenate(starts), np.concatenate(ends), np.concatenate(radii))
        rays = groups - nodes[:, None]
        rays /= np.linalg.norm(rays, axis=2, keepdims=True) + 1e-6
        widest = np.ptp(rays, axis=1).argmax(1)
        order = np.take_along_axis(rays, widest[:, None, None], 2)[:, :, 0].argsort(1, kind="stable")
        groups = np.take_along_axis(groups, order[:, :, None], 1).reshape(2 * count, size // 2, 3)
        parents = np.repeat(nodes, 2, axis=0)
        radius *= 2 ** (-1 / 3)


def tube_points(branches: Branches, voxel: float) -> tuple[np.ndarray, np.ndarray]:
    """Fill tubes evenly with points.

    Args:
        branches: the tubes.
        voxel: volume of a voxel, mm^3: larger voxels need fewer points.

    Returns:
        Points ``(M, 3)`` in mm, and the volume each stands for, ``(M,)`` in mm^3.
    """
    along = branches.end - branches.start
    length = np.linalg.norm(along, axis=1)
    volume = np.pi * branches.radius**2 * length
    fine = np.ceil(length / (0.6 * np.cbrt(voxel)))
    count = np.maximum(np.ceil(DENSITY * volume / voxel), fine).astype(int) + 1
    owner = np.repeat(np.arange(len(count)), count)
    index = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    t = (index + 0.5) / count[owner]
    angle = 2 * np.pi * ((index * GOLDEN) % 1)
    off = branches.radius[owner] * np.sqrt((index * SILVER) % 1)
    direction = along / np.maximum(length, 1e-6)[:, None]
    helper = np.where(np.abs(direction[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    side = np.cross(direction, helper)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(direction, side)
    points = branches.start[owner] + t[:, None] * along[owner]
    points += (off * np.cos(angle))[:, None] * side[owner] + (off * np.sin(angle))[:, None] * other[owner]
    return points, (volume / count)[owner]


def ball_points(centres: np.ndarray, radii: np.ndarray, voxel: float) -> tuple[np.ndarray, np.ndarray]:
    """Fill balls evenly with points, returned as by :func:`tube_points`.

    Args:
        centres: ``(N, 3)`` as right, front, up, mm.
        radii: ``(N,)``, mm.
        voxel: volume of a voxel, mm^3.
    """
    volume = 4 / 3 * np.pi * radii**3
    count = np.ceil(DENSITY * volume / voxel).astype(int) + 8
    owner = np.repeat(np.arange(len(count)), count)
    index = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    height = 2 * (index + 0.5) / count[owner] - 1
    angle = 2 * np.pi * ((index * GOLDEN) % 1)
    ring = np.sqrt(1 - height**2)
    away = radii[owner] * np.cbrt((index * SILVER) % 1)
    direction = np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=1)
    return centres[owner] + away[:, None] * direction, (volume / count)[owner]


def splat(
    points: np.ndarray, volumes: np.ndarray, axes: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return how much of each voxel the points fill, shared among the eight nearest voxels.

    Thin tubes get their true partial volume whatever the voxels' size; thick ones saturate at 1.

    Args:
        points: ``(M, 3)`` as right, front, up, mm.
        volumes: of each point, ``(M,)`` in mm^3.
        axes: voxel centres along S, A, R, mm, evenly spaced.

    Returns:
        Fractions 0 to 1, float32, shape ``(S, A, R)``.
    """
    steps = [axis[1] - axis[0] for axis in axes]
    shape = tuple(len(axis) for axis in axes)
    at = np.stack([(points[:, 2 - k] - axes[k][0]) / steps[k] for k in range(3)])
    kept = np.all((at >= 0) & (at < np.array(shape)[:, None] - 1), axis=0)
    at, share = at[:, kept], volumes[kept] / np.prod(steps)
    low = at.astype(np.int64)
    high_part = at - low
    base = (low[0] * shape[1] + low[1]) * shape[2] + low[2]
    filled = np.zeros(np.prod(shape), np.float32)
    for s in (0, 1):
        for a in (0, 1):
            for r in (0, 1):
                corner = [high_part[k] if bit else 1 - high_part[k] for k, bit in enumerate((s, a, r))]
                weight = (share * corner[0] * corner[1] * corner[2]).astype(np.float32)
                np.add.at(filled, base + (s * shape[1] + a) * shape[2] + r, weight)
    return np.minimum(filled, 1, out=filled).reshape(shape)


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
