"""The convex hull of a mask, with faces finer than the mask's voxels."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

__all__ = ["Hull"]


@dataclass(frozen=True, eq=False)
class Hull:
    """A convex polyhedron: all points x with ``equations[:, :3] @ x + equations[:, 3] <= 0``.

    Attributes:
        equations: outward unit normals and offsets of the facets, shape ``(facets, 4)``, in voxels.
        points: its corners, shape ``(points, 3)``, in voxels.
    """

    equations: np.ndarray
    points: np.ndarray

    @classmethod
    def of_points(cls, points: np.ndarray) -> "Hull":
        """Return the hull of points of shape ``(points, 3)``, by Qhull."""
        hull = ConvexHull(points)
        return cls(hull.equations, points[hull.vertices])

    @property
    def low(self) -> np.ndarray:
        """The lowest coordinates that it reaches along R, A, S, in voxels."""
        return self.points.min(0)

    @property
    def high(self) -> np.ndarray:
        """The highest."""
        return self.points.max(0)

    @staticmethod
    def surface(voxels: np.ndarray, mask: np.ndarray, level: float) -> np.ndarray:
        """Return where the values cross a level between each mask voxel and its neighbours outside.

        The crossing is interpolated linearly, so that it stays where it is in the body when the voxels
        shift. Where the neighbour is below the level too (an airway that was cut off, the end of the
        scan), the point lies halfway.

        Args:
            voxels: values, below ``level`` in the mask, shape ``(R, A, S)``.
            mask: same shape.
            level: e.g. HU halfway between lung and tissue.

        Returns:
            Shape ``(points, 3)``, in voxels.
        """
        padded, values = np.pad(mask, 1), np.pad(voxels, 1, mode="edge")
        points = []
        for axis in range(3):
            for step in (-1, 1):
                inner = np.argwhere(padded & ~np.roll(padded, -step, axis))
                outer = inner.copy()
                outer[:, axis] += step
                inside, outside = values[tuple(inner.T)], values[tuple(outer.T)]
                crosses = outside > level
                share = np.where(crosses, (level - inside) / np.where(crosses, outside - inside, 1), 0.5)
                points.append(inner - 1 + share[:, None] * (outer - inner))
        return np.concatenate(points)

    def mask(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return which voxels of a volume have their centre in the hull.

        Each facet bounds the lines along S from below or from above.

        Args:
            shape: ``(R, A, S)``.
        """
        r, a = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
        low, high = np.full(r.shape, -np.inf), np.full(r.shape, np.inf)
        for across_r, across_a, along, offset in self.equations:
            rest = across_r * r + across_a * a + offset
            if along > 1e-9:
                np.minimum(high, -rest / along, out=high)
            elif along < -1e-9:
                np.maximum(low, -rest / along, out=low)
            else:
                high[rest > 1e-9] = -np.inf
        s = np.arange(shape[2])
        return (s >= low[..., None]) & (s <= high[..., None])
