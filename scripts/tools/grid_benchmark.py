"""From a file to the grid, side by side: ``python -m scripts grid-benchmark [--runs 3]``.

Our path, the chain that a good user of MONAI would write, and the bare decompression of the same file, which
no path can beat. The scan is generated; each run is a process of its own. Times start after the imports, and
peak memory is what the work adds to them.
"""

import argparse
import gzip
import json
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel
import numpy as np
import torch
from monai.transforms import (
    Compose,
    CropForegroundd,
    LoadImaged,
    Orientationd,
    Resized,
    ScaleIntensityRanged,
    Spacingd,
)
from scipy import ndimage

from scripts.files import write_nifti
from scripts.transforms import LungRegion, preprocessing

from .stopwatch import in_a_process, seconds_and_peak

__all__ = ["main"]

TOOL = "grid-benchmark"
GRID = (96, 96, 96)
SPACING = (0.7, 0.7, 1.0)  # mm
NOISE = 20.0  # HU, standard deviation


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of seconds, peak memory, and the ratios to decompression."""
    parser = argparse.ArgumentParser(prog="python -m scripts grid-benchmark", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="processes a path; the median is printed")
    parser.add_argument("--shape", nargs=3, type=int, default=(512, 512, 300), help="voxels of the scan")
    parser.add_argument("--measure", choices=PATHS, help=argparse.SUPPRESS)
    parser.add_argument("--scan", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        path = PATHS[options.measure]()
        print(json.dumps(seconds_and_peak(lambda: path(options.scan))))
        return
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "scan.nii.gz"
        write_nifti(scan, _generated(options.shape))
        size = " x ".join(map(str, options.shape))
        print(f"{size} int16, {scan.stat().st_size / 1e6:.0f} MB; {torch.get_num_threads()} threads")
        results: dict[str, list[dict[str, float]]] = {name: [] for name in PATHS}
        for _ in range(options.runs):  # in turn, so that a busy moment of the machine slows all alike
            for name in PATHS:
                results[name].append(in_a_process(TOOL, "--measure", name, "--scan", str(scan)))
    _print_table(results)


def _print_table(results: dict[str, list[dict[str, float]]]) -> None:
    seconds = {name: statistics.median(r["seconds"] for r in runs) for name, runs in results.items()}
    print("| path | seconds | of decompression | peak MB |\n|---|---|---|---|")
    for name, runs in results.items():
        peak = statistics.median(r["peak_mb"] for r in runs)
        print(
            f"| {name} | {seconds[name]:.2f} | {seconds[name] / seconds['decompression']:.2f} | {peak:.0f} |"
        )
    print(f"ours is {seconds['MONAI chain'] / seconds['ours']:.1f} times as fast as the MONAI chain")


def _ours() -> Callable[[str], object]:
    pipeline = preprocessing(LungRegion(margin=10.0), GRID)
    return lambda scan: pipeline({"image": scan})["image"]


def _monai_chain() -> Callable[[str], object]:
    pipeline = Compose(
        [
            LoadImaged("image", ensure_channel_first=True),
            Orientationd("image", axcodes="RAS"),
            Spacingd("image", pixdim=(1.0, 1.0, 1.0), mode="bilinear"),
            ScaleIntensityRanged("image", a_min=-1250, a_max=250, b_min=0, b_max=1, clip=True),
            CropForegroundd(
                "image", source_key="image", select_fn=_two_largest_airs, margin=10, allow_smaller=True
            ),
            Resized("image", spatial_size=GRID, mode="trilinear", anti_aliasing=True),
        ]
    )
    return lambda scan: pipeline({"image": scan})["image"]


def _two_largest_airs(image: torch.Tensor) -> torch.Tensor:
    """Return the two largest pieces of air that do not touch the volume's sides, shape ``(1, R, A, S)``."""
    labels, count = ndimage.label(image[0].numpy() < (-320 + 1250) / 1500)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    sizes[np.unique(np.concatenate([side.ravel() for side in sides]))] = 0
    sizes[0] = 0
    return torch.from_numpy(np.isin(labels, np.argsort(sizes)[-2:]))[None]


def _decompression() -> Callable[[str], object]:
    def read(scan: str) -> None:
        with gzip.open(scan) as file:
            while file.read(2**24):
                pass

    return read


PATHS: dict[str, Callable[[], Callable[[str], object]]] = {
    "decompression": _decompression,
    "ours": _ours,
    "MONAI chain": _monai_chain,
}


def _generated(shape: Sequence[int]) -> nibabel.Nifti1Image:
    """Draw a body with two lungs, with noise, slice by slice: LPS+, as scanners store it."""
    x, y, z = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    body = (x[:, None] / 0.92) ** 2 + (y / 0.66) ** 2 < 1
    generator = np.random.default_rng(0)
    voxels = np.empty(shape, dtype=np.int16, order="F")
    for k, height in enumerate(z):
        lungs = sum(
            ((x[:, None] - c) / 0.32) ** 2 + (y / 0.45) ** 2 + (height / 0.85) ** 2 < 1 for c in (-0.42, 0.42)
        )
        clean = np.where(body, np.where(lungs, -850, 40), -1000)
        noise = NOISE * generator.standard_normal(shape[:2], dtype=np.float32)
        voxels[:, :, k] = np.clip(np.round(clean + noise), -1024, 3071)
    return nibabel.Nifti1Image(voxels, np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0]))


if __name__ == "__main__":
    main()
