"""Opacity and heat lobe by lobe: the future work that PARL names (Wang et al., section 5)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from scripts.lobes import LOBES, LobeMap, read_lobes, unpack_lobes
from scripts.scans import Scan, resample

from .explaining import HeatMap

__all__ = ["LobeSummary", "lobe_shares", "lobes_of", "summarise_lobes"]

AERATED_BELOW = -700.0  # HU: normally aerated lung lies below, opacity, vessels and airway walls above
CONSOLIDATED_ABOVE = -300.0  # HU: ground glass lies below


class LobeSummary(NamedTuple):
    """One scan's opacity and heat in its lobes.

    Attributes:
        lobes: one dict a lobe with ``lobe``, ``volume_ml``, ``opacity_ml`` (at or above -700 HU; vessels and
            airway walls count too, so that a healthy lobe has some), ``consolidation_ml`` (at or above
            -300 HU), ``opacity_share`` of the lobe and ``heat_share`` of all heat, None where there is none.
        heat_in_lungs: share of all heat that lies in the lobes; None where there is no heat.
        lungs_in_grid: share of the grid that is lobes: what an even map would score.
        hottest_lobe: name of the lobe at the map's maximum; "outside the lungs", or empty without heat.
    """

    lobes: list[dict[str, Any]]
    heat_in_lungs: float | None
    lungs_in_grid: float
    hottest_lobe: str

    @property
    def flags(self) -> tuple[str, ...]:
        """``heat_outside_lungs`` where the lungs hold less of the heat than of an even map."""
        outside = self.heat_in_lungs is not None and self.heat_in_lungs < self.lungs_in_grid
        return ("heat_outside_lungs",) if outside else ()


def lobes_of(item: Mapping[str, Any], table: str = "bundle") -> tuple[LobeMap, str] | None:
    """Return the lobes of a scan and how they were obtained: "lobe mask" or "lobe network".

    Args:
        item: of a ``ScanDataset``, its ``image`` on the grid; perhaps with ``lobes``, the path of a mask.
        table: how masks are numbered, a key of ``scripts.lobes.LABEL_TABLES``.

    Raises:
        UserError: the mask is not the scan's, or not of that table.
    """
    meta = item["image"].meta
    if item.get("lobes"):
        nothing = np.broadcast_to(np.int16(0), tuple(int(size) for size in meta["original_shape"]))
        scan = Scan.from_array(nothing, meta["original_affine"].numpy(), str(item["name"]))
        return read_lobes(item["lobes"], scan, table), "lobe mask"
    return (unpack_lobes(meta["lobes"]), "lobe network") if meta["lobes"] else None


def lobe_shares(lobes: LobeMap, grid_affine: torch.Tensor | np.ndarray, shape: Sequence[int]) -> torch.Tensor:
    """Return which share of each grid voxel belongs to each lobe.

    Args:
        lobes: on voxels along the grid's axes, of any size.
        grid_affine: ``(4, 4)``, grid voxel to world in mm.
        shape: voxels of the grid along R, A, S.

    Returns:
        float32, 0 to 1, shape ``(5, R, A, S)``.
    """
    to_lobes = np.linalg.inv(lobes.affine) @ np.asarray(grid_affine, dtype=float)  # scale and shift only
    scale = np.diag(to_lobes)[:3]
    low = to_lobes[:3, 3] - scale / 2
    masks = (lobes.labels == label for label in range(1, len(LOBES) + 1))
    return torch.stack([resample(mask, low, low + scale * shape, shape) for mask in masks])


def summarise_lobes(
    heat_map: HeatMap | None, hounsfield: torch.Tensor, shares: torch.Tensor, voxel_volume: float
) -> LobeSummary:
    """Measure opacity and heat in each lobe; voxels that lie in two lobes count in part.

    Args:
        heat_map: on the grid; None leaves the heat out.
        hounsfield: what the network saw, in HU; may be clamped above -300 and below -700. ``(R, A, S)``.
        shares: of :func:`lobe_shares`.
        voxel_volume: of the grid, in mm3.
    """
    millilitres = voxel_volume / 1000
    heat = torch.zeros(hounsfield.shape).double() if heat_map is None else heat_map.heat.double()
    whole = float(heat.sum())
    opaque, consolidated = hounsfield >= AERATED_BELOW, hounsfield >= CONSOLIDATED_ABOVE
    rows = []
    for name, share in zip(LOBES, shares.double(), strict=True):
        volume, opacity = float(share.sum()), float(share[opaque].sum())
        rows.append(
            {
                "lobe": name,
                "volume_ml": round(volume * millilitres, 1),
                "opacity_ml": round(opacity * millilitres, 1),
                "consolidation_ml": round(float(share[consolidated].sum()) * millilitres, 1),
                "opacity_share": round(opacity / volume, 4) if volume else None,
                "heat_share": round(float((share * heat).sum()) / whole, 4) if whole else None,
            }
        )
    lungs = shares.double().sum(dim=0)
    return LobeSummary(
        lobes=rows,
        heat_in_lungs=float((lungs * heat).sum()) / whole if whole else None,
        lungs_in_grid=float(lungs.mean()),
        hottest_lobe=_lobe_at(heat_map, shares) if heat_map is not None and whole else "",
    )


def _lobe_at(heat_map: HeatMap, shares: torch.Tensor) -> str:
    here = shares[(slice(None), *heat_map.hottest)]
    return LOBES[int(here.argmax())] if float(here.sum()) >= 0.5 else "outside the lungs"
