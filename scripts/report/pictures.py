"""Pictures of single scans: the most confident errors, and heat maps where the run has them."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import MetaTensor
from monai.transforms import Compose

from scripts.statistics import PredictionTable
from scripts.transforms import ScanDataset

__all__ = ["confident_errors", "heat_map_pictures", "thumbnails"]

SHOWN = 6


def confident_errors(table: PredictionTable) -> list[dict[str, Any]]:
    """Return the scans whose wrong prediction has the highest probability, the most confident first."""
    class_names, images, patients = table.class_names, table.images, table.patients
    predicted, confidence = table.probabilities.argmax(axis=1), table.probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != table.labels)
    return [
        {
            "image": images[row],
            "patient": patients[row],
            "label": class_names[table.labels[row]],
            "prediction": class_names[predicted[row]],
            "probability": float(confidence[row]),
            "probability_of_label": float(table.probabilities[row, table.labels[row]]),
        }
        for row in wrong[np.argsort(-confidence[wrong], kind="stable")][:SHOWN].tolist()
    ]


def thumbnails(
    chosen: Sequence[Mapping[str, Any]],
    items: Mapping[str, Mapping[str, Any]],
    preprocessing: Compose,
    cache_dir: str | Path | None,
) -> list[tuple[bytes, str]]:
    """Draw an axial and a coronal plane of each scan as the network sees it; one that is refused is left out.

    Args:
        chosen: of :func:`confident_errors`.
        items: of the datalist, by name.
        preprocessing: of :func:`scripts.transforms.preprocessing`.
        cache_dir: of the run.

    Returns:
        PNG files' bytes, each with its caption.
    """
    known = [each for each in chosen if each["image"] in items]
    scans = [dict(items[each["image"]]) for each in known]
    dataset = ScanDataset(scans, preprocessing, cache_dir, keep_refused=True)
    pictures = []
    for index, each in enumerate(known):
        item = dataset[index]
        if not item["refusal"]["code"]:
            caption = (
                f"{each['image']}: {each['prediction']} {each['probability']:.2f}, label {each['label']}"
            )
            pictures.append((_png(item["image"]), caption))
    return pictures


def heat_map_pictures(folder: Path, table: PredictionTable) -> list[tuple[bytes, str]]:
    """Return the overlays of the most confident right, the most confident wrong, and the least confident.

    Args:
        folder: that the paths of the heat maps are relative to.
        table: with those paths.
    """
    heat_maps, images, class_names = table.heat_maps, table.images, table.class_names
    if not any(heat_maps):
        return []
    confidence = table.probabilities.max(axis=1)
    right = table.probabilities.argmax(axis=1) == table.labels
    drawn = np.array([bool(path) and _overlay(folder, path).is_file() for path in heat_maps])
    chosen = {
        "most confident right prediction": np.where(drawn & right, confidence, -1),
        "most confident wrong prediction": np.where(drawn & ~right, confidence, -1),
        "least confident prediction": np.where(drawn, 1 - confidence, -1),
    }
    pictures = []
    for what, score in chosen.items():
        row = int(score.argmax())
        if score[row] >= 0:
            prediction = f"{class_names[table.probabilities[row].argmax()]} {confidence[row]:.2f}"
            caption = f"{what}: {images[row]}, {prediction}, label {class_names[table.labels[row]]}"
            pictures.append((_overlay(folder, heat_maps[row]).read_bytes(), caption))
    return pictures


def _overlay(folder: Path, heat_map: str) -> Path:
    return folder / f"{heat_map.removesuffix('.nii.gz')}.png"


def _png(image: MetaTensor) -> bytes:
    """Draw the middle axial plane and a coronal one; the patient's right on the left, millimetres true."""
    from matplotlib.figure import Figure

    grid = image[0].numpy()
    size = np.linalg.norm(np.asarray(image.affine)[:3, :3], axis=0) * grid.shape
    figure = Figure(figsize=(4, 2), facecolor="black", layout="constrained")
    for axes, up, plane in zip(
        figure.subplots(1, 2),
        (1, 2),
        (grid[:, :, grid.shape[2] // 2], grid[:, grid.shape[1] // 2]),
        strict=True,
    ):
        extent = (0, size[0], 0, size[up])
        axes.imshow(plane.T, cmap="gray", vmin=0, vmax=1, origin="lower", extent=extent)
        axes.invert_xaxis()  # R grows to the left of the picture
        axes.set_axis_off()
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=90, metadata={"Software": None})
    return content.getvalue()
