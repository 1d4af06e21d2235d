"""From a batch of grids to heat maps from 0 to 1, each with its scale and its hottest place."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from scripts.transforms import grid_to_scan

from .method import HeatMapMethod

__all__ = ["HeatMap", "combine", "explain"]


class HeatMap(NamedTuple):
    """One scan's heat map on its grid.

    Attributes:
        heat: 0 to 1, shape ``(R, A, S)``, on the CPU; all 0 where nothing speaks for the class.
        scale: what 1 stands for in the method's own unit; maps of two scans compare by heat times scale.
        target: the class that is explained.
    """

    heat: torch.Tensor
    scale: float
    target: int

    @property
    def hottest(self) -> tuple[int, int, int]:
        """The voxel of the maximum on the grid; where several share it, that nearest to their middle.

        They often do: one voxel of a deep layer covers a plateau, and a layer of one voxel along an axis
        leaves that whole axis even.
        """
        highest = torch.nonzero(self.heat == self.heat.max()).double()
        r, a, s = highest[(highest - highest.mean(dim=0)).square().sum(dim=1).argmin()].int().tolist()
        return r, a, s

    def hottest_in_world(self, grid_affine: torch.Tensor | np.ndarray) -> np.ndarray:
        """Return where the maximum lies in world mm (RAS+), shape ``(3,)``.

        Args:
            grid_affine: grid voxel to world.
        """
        affine = np.asarray(grid_affine, dtype=float)
        return affine[:3, :3] @ self.hottest + affine[:3, 3]


def explain(method: HeatMapMethod, x: torch.Tensor, classes: torch.Tensor) -> list[HeatMap]:
    """Run a method on a batch and divide each map by its own maximum.

    Args:
        method: e.g. of :func:`default_method`.
        x: ``(B, 1, R, A, S)``, on the network's device.
        classes: to explain, ``(B,)``, there too.

    Raises:
        ValueError: the method gave a value that is negative or not finite.
    """
    maps = method(x, classes).detach().float().cpu()
    if not (torch.isfinite(maps).all() and (maps >= 0).all()):
        raise ValueError(f"{method.name}: a heat map has negative or non-finite values")
    return [_of(one, target) for one, target in zip(maps, classes.tolist(), strict=True)]


def combine(heat_maps: Sequence[HeatMap], affines: Sequence[np.ndarray], shares: Sequence[float]) -> HeatMap:
    """Average what networks on several grids say of one scan, each map divided by its own maximum.

    Args:
        heat_maps: one a grid; the result lies on the first one's.
        affines: of the grids, ``(4, 4)``, voxel to world.
        shares: of the networks that see each grid.
    """
    first = heat_maps[0]
    mean = torch.zeros_like(first.heat)
    for one, affine, share in zip(heat_maps, affines, shares, strict=True):
        on_first = one.heat if one is first else grid_to_scan(one.heat, affine, affines[0], first.heat.shape)
        mean += share * on_first.clamp(0, 1)
    return _of(mean, first.target)


def _of(heat: torch.Tensor, target: int) -> HeatMap:
    scale = float(heat.max())
    return HeatMap(heat / (scale or 1.0), scale, target)
