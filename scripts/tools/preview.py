"""Look at what the network will see: ``python -m scripts preview SCAN... --output_dir DIR``.

One PNG per scan. Above: the scan in three planes with the coarse lung mask (cyan), its convex hull (yellow)
and the box (red), and in the last column the mask's lowest slice, and a coronal plane through its lowest
point. Below: the grid as the network sees it. Radiological convention: the patient's right is on
the left of the picture, anterior and head are up (anterior left in the sagittal plane), millimetres true.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from scripts.files import write_whole
from scripts.scans import (
    DECLARED_FIELDS,
    Declaration,
    Lungs,
    RefusedScan,
    Scan,
    find_lungs,
    read_checked_scan,
    scan_items,
)
from scripts.transforms import (
    PLANES,
    Box,
    LungRegion,
    WholeScanRegion,
    plane_of,
    scan_to_grid,
    show_plane,
)

__all__ = ["main"]

AT = (0.72, 0.5, 0.5)  # share of the box along R, A, S where the planes lie: sagittal in the right lung
WINDOW = (-500.0, 1500.0)  # level, width in HU, of the networks
LOOK: dict[str, Any] = {"cmap": "gray", "vmin": -1250, "vmax": 250}  # HU


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the scans that the command line names; return 1 if any was refused."""
    parser = argparse.ArgumentParser(prog="python -m scripts preview", description=__doc__)
    parser.add_argument("scans", nargs="+", help="scans, or folders of scans")
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--spatial_shape", nargs=3, type=int, default=(96, 96, 96), metavar=("R", "A", "S"))
    parser.add_argument("--margin", type=float, default=10.0, help="mm around the lungs")
    parser.add_argument("--region", choices=("lung", "scan"), default="lung")
    declare = parser.add_argument_group("what the scans do not say of themselves", "see docs/data.md")
    declare.add_argument("--series", help="of DICOM folders with several: its number or UID")
    declare.add_argument(
        "--window", nargs=2, type=float, metavar=("LEVEL", "WIDTH"), help="HU; not the network's"
    )
    declare.add_argument("--grey_range", nargs=2, type=float, metavar=("BLACK", "WHITE"))
    declare.add_argument("--spacing", nargs=3, type=float, metavar="MM")
    declare.add_argument("--orientation", metavar="LPI")
    options = parser.parse_args(arguments)
    declared = {name: getattr(options, name) for name in DECLARED_FIELDS if hasattr(options, name)}
    declared["intensity"] = "windowed" if options.window else None
    region = LungRegion(options.margin) if options.region == "lung" else WholeScanRegion()
    refused = 0
    for number, item in enumerate(scan_items(options.scans, declared), 1):
        try:
            name = item["name"]
            scan, flags = read_checked_scan(item["image"], Declaration.of(item, name), name, WINDOW)
            box = region(scan)
            box = replace(box, flags=(*flags, *box.flags))
            figure = _draw(scan, find_lungs(scan), box, options.spatial_shape)
        except RefusedScan as refusal:
            refused += 1
            print(f"refused ({refusal.code}): {refusal}", file=sys.stderr)
            continue
        picture = options.output_dir / f"{number:03d}_{Path(item['image']).name[-80:]}.png"
        write_whole(picture, partial(figure.savefig, format="png", dpi=80))
        print(f"{picture}: {item['name']} {' '.join(box.flags)}")
    return 1 if refused else 0


def _draw(scan: Scan, lungs: Lungs, box: Box, shape: Sequence[int]) -> Any:
    """Return a figure of the scan above and its grid below, in mm from the scan's first voxel."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    volume, affine = scan_to_grid(scan, box, shape)
    low, high = np.array(box.low) * scan.spacing, np.array(box.high) * scan.spacing
    at = low + (high - low) * AT
    whole = _positions(scan, scan.affine, scan.voxels.shape)
    coarse = _positions(scan, lungs.coarse.affine, lungs.mask.shape)
    outlines = ((lungs.hull.mask(lungs.mask.shape), "yellow"), (lungs.mask, "cyan"))
    figure = Figure(figsize=(20, 10.5), layout="constrained")
    figure.suptitle(
        f"{scan.name[-90:]}\nspacing {_text(scan.spacing, 2)} mm, box {_text(high - low, 0)} mm, "
        f"grid {_text(shape, 0)}" + "".join(f", {flag}" for flag in box.flags)
    )
    (*above, lowest_slice), (*below, lowest_point) = figure.subplots(2, 4)

    def show_scan(axes: Any, across: int, up: int, at: np.ndarray, title: str) -> None:
        show_plane(axes, scan.voxels, whole, (across, up), at, **LOOK)
        for mask, colour in outlines:
            plane, shown = plane_of(mask, coarse, (across, up), at), {"colors": colour, "linewidths": 0.8}
            axes.contour(*plane, levels=[0.5], **shown)
        size = (high - low)[[across, up]]
        axes.add_patch(Rectangle((low[across], low[up]), *size, fill=False, edgecolor="red"))
        axes.set_title(title)

    for axes, (name, (across, up)) in zip(above, PLANES.items(), strict=True):
        show_scan(axes, across, up, at, name)
    lowest = np.argwhere(lungs.mask)[np.argwhere(lungs.mask)[:, 2].argmin()]
    place = np.array([along[index] for along, index in zip(coarse, lowest, strict=True)])
    title = f"the mask's lowest slice, {lowest[2]} of {lungs.mask.shape[2]}"
    show_scan(lowest_slice, *PLANES["axial"], place, title)
    show_scan(lowest_point, *PLANES["coronal"], place, "through its lowest point")
    for axes, plane in zip(below, PLANES.values(), strict=True):
        show_plane(axes, volume.numpy(), _positions(scan, affine, shape), plane, at, **LOOK)
    return figure


def _positions(scan: Scan, affine: np.ndarray, shape: Sequence[int]) -> list[np.ndarray]:
    """Return where the voxels of a grid along the scan's axes lie, along R, A and S, in mm."""
    to_scan = np.linalg.inv(scan.affine) @ affine
    return [
        (to_scan[axis, axis] * np.arange(size) + to_scan[axis, 3]) * scan.spacing[axis]
        for axis, size in enumerate(shape)
    ]


def _text(numbers: Sequence[float] | np.ndarray, digits: int) -> str:
    return " x ".join(f"{number:.{digits}f}" for number in numbers)


if __name__ == "__main__":
    sys.exit(main())
