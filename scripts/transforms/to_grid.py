"""A scan as it was read -> the network's grid, checked, as a MONAI transform."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends

from scripts.errors import UserError
from scripts.scans import Scan, check_hounsfield, check_shape, check_window, geometry_flags

from .grid import scan_to_grid, to_window
from .regions import Box, Region

__all__ = ["ToGrid", "ToGridd"]

NOWHERE = Box((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


class ToGrid(Transform):
    """Check a chest CT, find its region, put it on the network's grid with one resampling, and window it.

    Args:
        region: scan -> box, e.g. :class:`LungRegion`.
        spatial_shape: voxels of the grid along R, A, S.
        window: ``(level, width)`` in HU: the window becomes 0..1, what lies outside is clamped.

    Shape:
        - Input: MetaTensor ``(1, X, Y, Z)`` in HU, of any orientation
        - Output: MetaTensor ``(1, R, A, S)``, float32 in 0..1, whose affine maps grid voxels to world mm.
          Its meta holds ``filename_or_obj``, ``path``, ``series``, ``original_affine``, ``original_shape``,
          ``box_low`` and ``box_high`` (faces in the scan's canonical voxels), ``region``, ``lobes`` (packed,
          where the region made them), ``intensity`` (as it was read), ``patient`` (a key, or ""),
          ``content_hash`` (of the scan, see :class:`~scripts.scans.Scan`), and ``flags`` (words parted by
          spaces: lists of different lengths do not collate).

    Raises:
        UserError: the shape or the window is none.
        RefusedScan: the scan is no chest CT in HU.
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self, region: Region, spatial_shape: Sequence[int], window: tuple[float, float] = (-500.0, 1500.0)
    ) -> None:
        if len(spatial_shape) != 3 or min(spatial_shape) < 1:
            raise UserError(f"spatial_shape={spatial_shape} is not three positive sizes (R, A, S)")
        if len(window) != 2 or window[1] <= 0:
            raise UserError(f"window={window} is not a level and a positive width in HU")
        self.region = region
        self.spatial_shape = tuple(int(size) for size in spatial_shape)
        self.window = (float(window[0]), float(window[1]))

    def __call__(self, image: MetaTensor, lobes: str | None = None) -> MetaTensor:
        name = str(image.meta.get("filename_or_obj", "scan"))
        check_shape(tuple(image.shape[1:]), name)
        check_window(image.meta.get("hounsfield"), self.window, name)
        affine = np.asarray(image.affine, dtype=float)
        scan = replace(Scan.from_array(image[0].numpy(), affine, name), lobes=lobes)
        check_hounsfield(scan, rescaled=image.meta.get("hounsfield") is None)
        box = self.region(scan)
        volume, grid_affine = scan_to_grid(scan, box, self.spatial_shape)
        to_window(volume, self.window)
        read_flags = str(image.meta.get("flags", "")).split()
        source = {
            "filename_or_obj": name,
            "path": str(image.meta.get("path", "")),
            "series": str(image.meta.get("series", "")),
            "original_affine": torch.from_numpy(affine.copy()),
            "original_shape": torch.tensor(image.shape[1:]),
            "intensity": str(image.meta.get("intensity", "HU")),
            "patient": str(image.meta.get("patient", "")),
            "content_hash": scan.content_hash,
            "flags": " ".join([*read_flags, *geometry_flags(scan, read_flags), *box.flags]),
        }
        return self._with_meta(volume, grid_affine, box, source)

    def blank(self, name: str) -> MetaTensor:
        """Return the grid of a refused scan: zeros, with the same meta keys as any other."""
        source = {
            "filename_or_obj": name,
            "path": "",
            "series": "",
            "original_affine": torch.eye(4, dtype=torch.float64),
            "original_shape": torch.zeros(3, dtype=torch.int64),
            "intensity": "",
            "patient": "",
            "content_hash": "",
            "flags": "",
        }
        return self._with_meta(torch.zeros(self.spatial_shape), np.eye(4), NOWHERE, source)

    def _with_meta(
        self, volume: torch.Tensor, grid_affine: np.ndarray, box: Box, source: dict[str, Any]
    ) -> MetaTensor:
        meta = {
            **source,
            "box_low": torch.tensor(box.low, dtype=torch.float64),
            "box_high": torch.tensor(box.high, dtype=torch.float64),
            "space": "RAS",
            "region": repr(self.region),
            "lobes": box.lobes,
        }
        return MetaTensor(volume[None], affine=torch.from_numpy(grid_affine), meta=meta)


class ToGridd(MapTransform):
    """Dictionary-based wrapper of :class:`ToGrid`.

    Args:
        keys: of the scans.
        region: as there.
        spatial_shape: as there.
        window: as there.
        lobes_key: of the path of a lobe mask, for regions that ask for one; items may lack it. None: of none.
        more: further grids of the same scan, for the other members of an ensemble; they go under
            ``KEY_grid_1``, ``KEY_grid_2``, ...
    """

    backend = ToGrid.backend

    def __init__(
        self,
        keys: KeysCollection,
        region: Region,
        spatial_shape: Sequence[int],
        window: tuple[float, float] = (-500.0, 1500.0),
        lobes_key: str | None = None,
        more: Sequence[ToGrid] = (),
    ) -> None:
        super().__init__(keys)
        self.file_keys = () if lobes_key is None else (lobes_key,)
        self.lobes_key = lobes_key
        self.to_grid = ToGrid(region, spatial_shape, window)
        self.more = tuple(more)

    @property
    def voxels(self) -> int:
        """Of all grids that a scan gets."""
        return sum(math.prod(grid.spatial_shape) for key in self.keys for _, grid in self._grids(key))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            scan, lobes = d[key], d.get(self.lobes_key)
            for name, to_grid in self._grids(key):
                d[name] = to_grid(scan, lobes)
        return d

    def blank(self, item: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return the grids of a refused scan: zeros."""
        return {
            name: to_grid.blank(str(item.get("name") or item[key]))
            for key in self.keys
            for name, to_grid in self._grids(key)
        }

    def _grids(self, key: Hashable) -> list[tuple[Hashable, ToGrid]]:
        return [
            (key, self.to_grid),
            *((f"{key}_grid_{number}", to_grid) for number, to_grid in enumerate(self.more, 1)),
        ]
