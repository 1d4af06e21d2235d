"""A sheet of pictures: the heat over the grid that the network saw."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from scripts.files import write_whole
from scripts.transforms import PLANES, show_plane

from .anatomy import HEAT_FLAGS, Anatomy, heat_flags
from .explaining import HeatMap

__all__ = ["STRONGEST", "draw_overlay", "most_attended", "save_overlay"]

SLICES = 3  # most attended slices, beside the planes through the maximum
STRONGEST = 0.7  # opacity where the heat is 1; it falls with the heat to 0, where the scan alone is shown
COLOURS = "plasma"  # equal steps of heat look equal, also to the colour-blind and in print


def draw_overlay(
    grid: torch.Tensor,
    affine: np.ndarray,
    heat_map: HeatMap,
    title: str,
    anatomy: Anatomy,
    curve: torch.Tensor | None = None,
) -> Any:
    """Draw three planes through the maximum above, and below the slices with the most heat.

    Dotted lines in the coronal plane say where those slices are. Outside the body no heat is drawn. A map
    without heat, or with its maximum outside the lungs, says so above the planes; the former has no cross.

    Radiological convention: the patient's right is on the left of the picture, anterior and head are up
    (anterior left in the sagittal plane), millimetres true.

    Args:
        grid: what the network saw, 0 to 1, shape ``(R, A, S)``.
        affine: ``(4, 4)``, grid voxel to world in mm.
        heat_map: on the same grid.
        title: of the sheet.
        anatomy: of the same grid.
        curve: a weight for each slice, ``(S,)``, drawn beside the coronal plane.

    Returns:
        A ``matplotlib.figure.Figure``.
    """
    from matplotlib.figure import Figure

    spacing = np.linalg.norm(np.asarray(affine, dtype=float)[:3, :3], axis=0)
    heat, (_, _, hottest) = heat_map.heat.numpy(), heat_map.hottest
    figure = Figure(figsize=(13, 9), layout="constrained")
    warnings = [f"{HEAT_FLAGS[flag]} ({flag})" for flag in heat_flags(heat_map, anatomy)]
    figure.suptitle("\n".join([title, *warnings]), color="firebrick" if warnings else "black")
    above, below = figure.subplots(2, SLICES)
    for axes, (name, plane) in zip(above, PLANES.items(), strict=True):
        place = heat_map.hottest * spacing
        colours = _show(axes, grid.numpy(), heat, anatomy.body, spacing, plane, place)
        if heat_map.scale:
            axes.plot(*place[list(plane)], marker="+", color="cyan", markersize=12)
        axes.set_title(f"{name}, through the {'maximum' if heat_map.scale else 'middle: no heat'}")
    if curve is not None:
        _draw_curve(above[1], curve.numpy(), spacing[2])
    for axes, at in zip(below, most_attended(heat, hottest), strict=False):
        _show(axes, grid.numpy(), heat, anatomy.body, spacing, PLANES["axial"], at * spacing)
        above[1].axhline(at * spacing[2], color="white", linewidth=0.8, linestyle=":")
        axes.set_title(f"axial, {heat[:, :, at].sum() / max(heat.sum(), 1e-12):.0%} of the heat")
    for axes in below:
        axes.set_axis_off()
    figure.colorbar(colours, ax=[*above, *below], shrink=0.6, label=f"heat; 1 = {heat_map.scale:.3g}")
    return figure


def save_overlay(figure: Any, path: Path) -> None:
    """Write the sheet as PNG.

    Args:
        figure: of :func:`draw_overlay`.
        path: ends in ``.png``.
    """
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=80))


def most_attended(heat: np.ndarray, hottest: int) -> list[int]:
    """Return the slices with the most heat, hottest first, apart by an eighth of the grid or more.

    Of slices with the same heat those nearer to the maximum come first: a map that is even along S would
    else show the scan's last slices.

    Args:
        heat: shape ``(R, A, S)``.
        hottest: the slice of the maximum, shown already.
    """
    apart = max(1, heat.shape[2] // 8)
    chosen = [hottest]
    distance = np.abs(np.arange(heat.shape[2]) - hottest)
    for at in np.lexsort([distance, -heat.sum(axis=(0, 1))]).tolist():
        if len(chosen) <= SLICES and all(abs(at - other) >= apart for other in chosen):
            chosen.append(at)
    return chosen[1:]


def _show(
    axes: Any,
    grid: np.ndarray,
    heat: np.ndarray,
    body: np.ndarray,
    spacing: np.ndarray,
    plane: tuple[int, int],
    at: np.ndarray,
) -> Any:
    """Draw the heat over one plane, in mm from the centre of the grid's first voxel; return its picture."""
    positions = [np.arange(size) * step for size, step in zip(grid.shape, spacing, strict=True)]
    grey: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "bilinear"}
    show_plane(axes, grid, positions, plane, at, **grey)
    return show_plane(
        axes, heat, positions, plane, at, cmap=COLOURS, vmin=0, vmax=1, alpha=STRONGEST * heat * body
    )


def _draw_curve(axes: Any, curve: np.ndarray, spacing: float) -> None:
    """Draw the slices' weights at the right edge of the coronal plane, heights shared."""
    beside = axes.inset_axes((1.02, 0, 0.22, 1))
    beside.plot(curve, np.arange(len(curve)) * spacing)
    beside.set_ylim(axes.get_ylim())
    beside.set_xlim(0, 1)
    beside.set_yticks([])
    beside.set_xlabel("slice gate")
