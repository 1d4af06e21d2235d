"""The step of a run that lets the baselines predict what the networks did; the report only reads it.

What they see of a scan is what it shows without a network: its header and geometry, its lungs' volume and
opacity.
"""

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

from scripts.datalists import read_datalist
from scripts.scans import enclosed_air
from scripts.statistics import (
    BASELINE_FOLDER,
    PredictionTable,
    ScanFeatures,
    baseline_tables,
    read_baselines,
    read_table,
    write_baselines,
)
from scripts.transforms import ScanDataset, ToGridd, from_window

__all__ = [
    "measure_scans",
    "predict_baselines",
    "predict_external_baselines",
    "sets_without_baselines",
]

AIR = -320.0  # HU: below is air, halfway between aerated lung and soft tissue
OPACITY = (-700.0, -100.0)  # HU: denser than aerated lung, lighter than soft tissue
SETS = ("held_out", "test", "predictions")  # tables of a run that are reported


def predict_baselines(
    output_dir: str | Path,
    datalist: str | Path,
    class_names: Mapping[str, str] | Sequence[str],
    preprocessing: Compose,
    cache_dir: str | Path | None = None,
    label_mapping: Mapping[Any, int | str | None] | None = None,
    sets: Sequence[str] = SETS,
) -> None:
    """Train the baselines on the training list, and let them predict the scans that the run reports.

    Args:
        output_dir: of a cross-validation or an evaluation; gains ``baselines/SET.json`` for each of its sets.
        datalist: the ``datalist.json`` that the run read.
        class_names: the classes, by index, as ``{"0": name, ...}`` or a sequence.
        preprocessing: of the run.
        cache_dir: of the run: scans that it holds are not read again.
        label_mapping: from the datalist's labels to the classes, where the run had one.
        sets: names of the tables that they predict, as far as these are there.
    """
    folder = Path(output_dir)
    names = list(class_names.values() if isinstance(class_names, Mapping) else class_names)
    tables = {
        name: read_table(folder / f"{name}.csv", names, may_be_all_refused=True)
        for name in sets
        if (folder / f"{name}.csv").is_file()
    }
    if not tables:
        return
    lists = read_datalist(datalist, label_mapping=label_mapping, classes=names)
    reported = {image for table in tables.values() for image in table.images}
    others = [item for name, items in lists.items() if name != "training" for item in items]
    needed = [*lists["training"], *(item for item in others if item["name"] in reported)]
    features = measure_scans(needed, preprocessing, cache_dir)
    for name, table in tables.items():
        write_baselines(folder, name, table, baseline_tables(table, lists["training"], features), features)


def sets_without_baselines(output_dir: str | Path) -> list[str]:
    """Return the names of a run's tables, of those that it writes itself, that no baseline has predicted."""
    folder = Path(output_dir)
    return [
        name
        for name in SETS
        if (folder / f"{name}.csv").is_file() and not (folder / BASELINE_FOLDER / f"{name}.json").is_file()
    ]


def predict_external_baselines(
    output_dir: str | Path,
    name: str,
    table: PredictionTable,
    items: Sequence[Mapping[str, Any]],
    preprocessing: Compose,
    cache_dir: str | Path | None = None,
) -> None:
    """Let baselines that are trained on a cross-validation's scans predict those of another data set.

    Args:
        output_dir: of the cross-validation; gains ``baselines/NAME.json``.
        name: of the set.
        table: what the networks predict for it.
        items: its scans.
        preprocessing: of the cross-validation.
        cache_dir: of the scans.
    """
    folder = Path(output_dir)
    if not (folder / BASELINE_FOLDER / "held_out.json").is_file():
        print(f"no baselines for {name}: run cross_validation again with this --output_dir, then this test")
        return
    held_out = read_table(folder / "held_out.csv", table.class_names)
    _, internal = read_baselines(folder, "held_out", held_out)
    columns = zip(held_out.images, held_out.patients, held_out.labels.tolist(), strict=True)
    training = [  # both data sets may have a scan, or a patient, of one name
        {"name": ("training", image), "patient": ("training", patient), "label": label}
        for image, patient, label in columns
    ]
    features = measure_scans(items, preprocessing, cache_dir)
    both: dict[Any, ScanFeatures] = {
        **features,
        **{("training", image): found for image, found in internal.items()},
    }
    write_baselines(folder, name, table, baseline_tables(table, training, both), features)


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
