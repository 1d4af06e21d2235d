"""Look at the lobes over scans: ``python -m scripts lobes-preview CKPT SCAN... --output_dir DIR``.

One PNG per scan: an axial and a coronal plane, and a sagittal one through each lung. Radiological convention:
the patient's right is on the left of the picture, anterior and head are up (anterior left in the sagittal
planes), millimetres true.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from scripts.files import write_whole
from scripts.lobes import LOBES, LobeMap, LobeSegmenter
from scripts.scans import Declaration, RefusedScan, Scan, file_stem, read_checked_scan, scan_items
from scripts.transforms import PLANES, show_plane

__all__ = ["draw_lobes", "main"]

COLOURS = ("#e6550d", "#fdd049", "#3182bd", "#e377c2", "#31a354")  # in the order of LOBES
AT = {  # share of the lungs' box where a plane lies
    "axial": 0.45,
    "coronal": 0.5,
    "sagittal, right lung": 0.75,
    "sagittal, left lung": 0.25,
}
LABELS: dict[str, Any] = {"vmin": 1, "vmax": len(LOBES), "interpolation": "nearest"}
OPACITY = 0.35
WINDOW = (-1250.0, 250.0)  # HU


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the scans that the command line names; return 1 if any was refused."""
    parser = argparse.ArgumentParser(prog="python -m scripts lobes-preview", description=__doc__)
    parser.add_argument("checkpoint", help="lobe_model.pt")
    parser.add_argument("scans", nargs="+", help="scans, or folders of scans")
    parser.add_argument("--output_dir", required=True, type=Path)
    options = parser.parse_args(arguments)
    segmenter = LobeSegmenter(options.checkpoint)
    refused = 0
    for number, item in enumerate(scan_items(options.scans), 1):
        try:
            scan, _ = read_checked_scan(item["image"], Declaration.of(item), item["name"])
            figure = draw_lobes(scan, segmenter.on_scan(scan))
        except RefusedScan as refusal:
            refused += 1
            print(f"refused ({refusal.code}): {refusal}", file=sys.stderr)
            continue
        picture = options.output_dir / f"{number:03d}_{file_stem(item['name'])}.png"
        write_whole(picture, partial(figure.savefig, format="png", dpi=70))
        print(picture)
    return 1 if refused else 0


def draw_lobes(scan: Scan, lobes: LobeMap) -> Any:
    """Draw four planes with the lobes in colour; volumes and flags are the title.

    Args:
        scan: in HU.
        lobes: on the scan's voxels.

    Returns:
        A ``matplotlib.figure.Figure``.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    low, high = lobes.faces() if lobes.labels.any() else (np.zeros(3), np.array(scan.voxels.shape) - 1.0)
    figure = Figure(figsize=(16, 4.6), layout="constrained")
    volumes = ", ".join(f"{lobe} {volume:.0f}" for lobe, volume in lobes.volumes().items())
    flags = " ".join((*lobes.found, *lobes.flags())) or "no flags"
    figure.suptitle(f"{file_stem(scan.name)}: {volumes} mL; {flags}", fontsize=10)
    layers = (
        (scan.voxels, {"cmap": "gray", "vmin": WINDOW[0], "vmax": WINDOW[1]}),
        (lobes.labels, LABELS | {"cmap": ListedColormap(COLOURS), "alpha": OPACITY * (lobes.labels > 0)}),
    )
    positions = [np.arange(size) * mm for size, mm in zip(scan.voxels.shape, scan.spacing, strict=True)]
    for axes, (name, share) in zip(figure.subplots(1, 4), AT.items(), strict=True):
        plane = PLANES[name.split(",")[0]]
        at = (low + share * (high - low)) * scan.spacing
        for voxels, appearance in layers:
            show_plane(axes, voxels, positions, plane, at, **appearance)
        axes.set_title(name, fontsize=9)
    return figure


if __name__ == "__main__":
    sys.exit(main())
