"""explanation.json: how well the maps of a trained network find the lesions of labelled scans."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from scripts.errors import UserError
from scripts.files import write_json
from scripts.journal import Journal
from scripts.scans import read_scan
from scripts.transforms import ScanDataset, describe, item_stamp, preprocessing_digest

from .explaining import HeatMap, explain
from .heat_map_file import heat_on_scan
from .localisation import localise, summarise
from .method import HeatMapMethod
from .randomisation import map_correlation, randomised

__all__ = ["measure_localisation"]


def measure_localisation(
    network: nn.Module,
    weights_sha256: str,
    dataset: ScanDataset,
    methods: Callable[[nn.Module], list[HeatMapMethod]],
    output_dir: str | Path,
    randomisations: int = 3,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Compare the heat maps of a trained network with lesion masks, and with those of random weights.

    Every scan of the two pneumonia classes that has a mask with lesions takes part; its own label is the
    class that is explained, so that networks that answer otherwise are compared on the same question.

    Args:
        network: trained.
        weights_sha256: of its checkpoint, for the record.
        dataset: items with ``label``, ``patient`` and ``lesions`` (a path), and ``lobes`` if known; refused
            scans are kept, and left out here.
        methods: network -> its methods, e.g. :func:`all_methods`.
        output_dir: gains ``explanation.json``.
        randomisations: how many networks of random weights the correlation is a mean of.
        overwrite: measure all scans anew; else those that the same network and methods measured are kept.

    Returns:
        What was written: the figures of each method, as :func:`summarise` explains them, and of each scan.

    Raises:
        UserError: no scan has lesions, a mask does not fit its scan, or another network was measured there.
    """
    trained = methods(network)
    random = [methods(randomised(network, seed)) for seed in range(randomisations)]
    identity = {
        "network": weights_sha256,
        "methods": {method.name: describe(type(method)) for method in trained},
        "randomisations": randomisations,
        "preprocessing": preprocessing_digest(dataset.transform),
    }
    journal = Journal(output_dir, dataset.data, item_stamp, identity, overwrite, about="explanation")
    journal.start()
    scans: dict[str, list[dict[str, Any]]] = {method.name: [] for method in trained}
    names, patients = [], []
    for index, item in enumerate(tqdm(dataset.data, desc="explaining", unit="scan")):
        if int(item.get("label", 0)) == 0 or not item.get("lesions"):
            continue
        if index not in journal.answered:
            journal.stamp(index)
            read = dataset[index]
            figures = _measure(read, trained, random)
            journal.keep({index: (not read["refusal"]["code"], {"scans": [figures] if figures else []})})
        for measured in journal.rows_of(index, "scans"):
            names.append(item["name"])
            patients.append(str(item["patient"]))
            for name, figures in measured.items():
                scans[name].append(figures)
    if not names:
        raise UserError(
            f"none of {len(dataset)} scans has a mask of lesions; the datalist's items name it `lesions`"
        )
    content = {
        "checkpoint_sha256": weights_sha256,
        "network": type(network).__name__,
        "methods": {name: summarise(rows, patients) for name, rows in scans.items()},
        "scans": {
            name: [{"image": image, **row} for image, row in zip(names, rows, strict=True)]
            for name, rows in scans.items()
        },
    }
    _write(content, Path(output_dir))
    journal.finish()
    return content


def _measure(
    item: dict[str, Any], trained: list[HeatMapMethod], random: list[list[HeatMapMethod]]
) -> dict[str, dict[str, Any]]:
    """Return the figures of one scan by method; nothing where it was refused or no lesion was drawn."""
    if item["refusal"]["code"]:
        return {}
    lesions = _mask(item, "lesions")
    if not lesions.any():
        return {}
    lungs = _mask(item, "lobes") if item.get("lobes") else None
    seen = _on_scan(torch.ones(item["image"].shape[1:]), item) > 0
    figures = {}
    for index, method in enumerate(trained):
        heat_map = _heat_map(method, item)
        place = _voxel(heat_map, item)
        figures[method.name] = localise(_on_scan(heat_map.heat, item), lesions, seen, place, lungs)
        others = [_heat_map(methods[index], item) for methods in random]
        correlations = [map_correlation(heat_map.heat, other.heat) for other in others]
        figures[method.name]["randomised_correlation"] = float(np.mean(correlations))
        figures[method.name]["randomised_empty"] = float(np.mean([other.scale == 0 for other in others]))
    return figures


def _heat_map(method: HeatMapMethod, item: dict[str, Any]) -> HeatMap:
    device = next(method.network.parameters()).device
    x = item["image"].as_subclass(torch.Tensor)[None].to(device)
    return explain(method, x, torch.tensor([int(item["label"])], device=device))[0]


def _on_scan(heat: torch.Tensor, item: dict[str, Any]) -> np.ndarray:
    meta = item["image"].meta
    shape = meta["original_shape"].tolist()
    return heat_on_scan(heat, item["image"].affine, meta["original_affine"], shape)


def _voxel(heat_map: HeatMap, item: dict[str, Any]) -> list[int]:
    """Return the scan's voxel that holds the maximum."""
    meta = item["image"].meta
    place = np.array([*heat_map.hottest_in_world(item["image"].affine), 1.0])
    voxel = np.round((np.linalg.inv(meta["original_affine"].numpy()) @ place)[:3])
    return np.clip(voxel, 0, meta["original_shape"].numpy() - 1).astype(int).tolist()


def _mask(item: dict[str, Any], key: str) -> np.ndarray:
    """Read a mask that must lie on the scan's own voxels."""
    mask = read_scan(item[key])
    scan = item["image"].meta
    shape, affine = tuple(scan["original_shape"].tolist()), scan["original_affine"].numpy()
    if mask.voxels.shape != shape or not np.allclose(mask.affine, affine, atol=1e-2):
        raise UserError(
            f"{item[key]}: shape {mask.voxels.shape} and its affine are not those of its scan {shape}; "
            f"expected a mask on the scan's own voxels"
        )
    return mask.voxels > 0


def _write(content: dict[str, Any], folder: Path) -> None:
    path = folder / "explanation.json"
    write_json(path, content)
    for name, figures in content["methods"].items():
        value = {key: figure["value"] for key, figure in figures.items() if isinstance(figure, dict)}
        print(
            f"{name}: pointing game {value['pointing_game']:.2f} "
            f"(chance {figures['pointing_game']['chance']:.2f}), "
            f"enrichment {value['enrichment_in_box']:.2f}, Dice {value['dice_at_best_threshold']:.2f}, "
            f"correlation with random weights {value['randomised_correlation']:.2f}"
        )
    print(f"explained {len(next(iter(content['scans'].values())))} scans with lesions: {path}")
