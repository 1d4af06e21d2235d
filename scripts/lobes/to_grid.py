"""The datalist's lobe mask on the grid of its scan, as a MONAI transform."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import MapTransform

from scripts.errors import UserError
from scripts.scans import Scan

from .lobe_map import LobeMap, read_lobes

__all__ = ["LobesToGridd", "check_lobe_masks", "sample_labels"]


class LobesToGridd(MapTransform):
    """Read a lobe mask onto the grid that :class:`scripts.transforms.ToGridd` has made of its scan.

    Args:
        keys: of the mask's path; the labels ``(1, R, A, S)``, int64, replace it.
        image_key: of the grid.
        table: how the mask's labels are numbered, a key of ``LABEL_TABLES``.
    """

    def __init__(self, keys: str = "lobes", image_key: str = "image", table: str = "bundle") -> None:
        super().__init__(keys)
        self.image_key = image_key
        self.table = table

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        grid: MetaTensor = d[self.image_key]
        shape = tuple(grid.meta["original_shape"].tolist())
        nothing = np.broadcast_to(np.int16(0), shape)  # only the scan's geometry is asked for
        scan = Scan.from_array(
            nothing, np.asarray(grid.meta["original_affine"]), grid.meta["filename_or_obj"]
        )
        for key in self.key_iterator(d):
            lobes = read_lobes(d[key], scan, self.table)
            labels = sample_labels(lobes, np.asarray(grid.affine), tuple(grid.shape[1:]))
            d[key] = MetaTensor(torch.from_numpy(labels.astype(np.int64))[None], affine=grid.affine)
        return d


def sample_labels(lobes: LobeMap, affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the label at the centre of each voxel of a grid; background beyond the map.

    Args:
        lobes: the map.
        affine: of the grid, whose axes are those of the map.
        shape: of the grid, ``(R, A, S)``.
    """
    to_map = np.linalg.inv(lobes.affine) @ affine
    indices, inside = [], []
    for axis, (count, size) in enumerate(zip(shape, lobes.labels.shape, strict=True)):
        nearest = np.floor(to_map[axis, axis] * np.arange(count) + to_map[axis, 3] + 0.5).astype(int)
        indices.append(nearest.clip(0, size - 1))
        inside.append((nearest >= 0) & (nearest < size))
    r, a, s = inside
    return lobes.labels[np.ix_(*indices)] * (r[:, None, None] & a[:, None] & s)


def check_lobe_masks(parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Stop before the first scan is read if one that is trained or selected on has no lobe mask.

    Args:
        parts: the datalist's items, as ``fold_items`` returns them.

    Raises:
        UserError: it names the first, and counts them.
    """
    items = [item for part in ("train", "select") for item in parts[part]]
    without = [item for item in items if "lobes" not in item]
    if without:
        raise UserError(
            f"{without[0]['name']}: {len(without)} of {len(items)} scans have no `lobes` in the "
            f"datalist, the path of a lobe mask; see docs/lobes.md"
        )
