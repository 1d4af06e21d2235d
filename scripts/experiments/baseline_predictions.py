"""What a scan shows without a network: its header and geometry, its lungs' volume and opacity."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose
from scipy import ndimage
from tqdm import tqdm

from scripts.scans import enclosed_air
from scripts.statistics import ScanFeatures
from scripts.transforms import ScanDataset, ToGridd, from_window

__all__ = ["measure_scans"]

AIR = -320.0  # HU: below is air, halfway between aerated lung and soft tissue
OPACITY = (-700.0, -100.0)  # HU: denser than aerated lung, lighter than soft tissue


def measure_scans(
    items: Sequence[Mapping[str, Any]], preprocessing: Compose, cache_dir: str | Path | None = None
) -> dict[str, ScanFeatures]:
    """Measure each scan on the grid that the network sees; what training left in its cache is not read again.

    Args:
        items: of the datalist, each with ``image`` and ``name``.
        preprocessing: of :func:`scripts.transforms.preprocessing`.
        cache_dir: of the run.

    Returns:
        The features by ``name``; a refused scan has none.
    """
    dataset = ScanDataset([dict(item) for item in items], preprocessing, cache_dir, keep_refused=True)
    window = next(t.to_grid.window for t in preprocessing.transforms if isinstance(t, ToGridd))
    features = {}
    for index in tqdm(range(len(dataset)), desc="measuring scans for the baselines", unit="scan"):
        item = dataset[index]
        if not item["refusal"]["code"]:
            features[item["name"]] = _measure(item["image"], window)
    return features


def _measure(image: MetaTensor, window: tuple[float, float]) -> ScanFeatures:
    affine = np.asarray(image.meta["original_affine"], dtype=float)
    orientation = nibabel.io_orientation(affine)
    order = np.argsort(orientation[:, 0])
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[order]
    shape = np.asarray(image.meta["original_shape"], dtype=float)[order]
    header = (*np.log(spacing), *np.log(shape), *orientation.ravel())
    hounsfield = from_window(image[0].as_subclass(torch.Tensor), window).numpy()
    voxel = abs(np.linalg.det(np.asarray(image.affine)[:3, :3])) / 1e6  # litres
    return ScanFeatures(tuple(map(float, header)), _lungs(hounsfield, voxel), float(spacing[2]))


def _lungs(hounsfield: np.ndarray, voxel: float) -> tuple[float, float]:
    """Return the litres of air that tissue encloses in its axial slices, and the opacity in its box.

    Args:
        hounsfield: shape ``(R, A, S)``.
        voxel: litres of one.
    """
    air = enclosed_air(hounsfield < AIR)
    if not air.any():
        return 0.0, 0.0
    box = hounsfield[ndimage.find_objects(air.astype(int))[0]]
    low, high = OPACITY
    return float(air.sum() * voxel), float(((box > low) & (box < high)).mean())
