"""Heat maps beside the predictions: a handler of the evaluator."""

import csv
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Workflow
from torch import nn

from scripts.errors import UserError

from .attention import slice_curve
from .explaining import HeatMap, explain
from .heat_map_file import heat_on_scan, save_heat_map
from .method import HeatMapMethod
from .overlay import draw_overlay, save_overlay

__all__ = ["HeatMapWriter"]

COLUMNS = ["image", "heat_map", "overlay", "method", "target", "scale", "maximum_r", "maximum_a", "maximum_s"]


class HeatMapWriter:
    """Write a heat map of each scan as soon as it is answered, and tell the item where it lies.

    Attach it before the handler that writes predictions: that one finds the file's path, relative to the
    folder, under ``heat_map`` of the item. A scan without an answer (refused, or not a finite number) gets
    none. The engine's items and output are those that ``scripts.evaluation.PredictionWriter`` reads.

    Writes ``heat_maps/NNNN_NAME.nii.gz`` in the scan's geometry, ``NNNN_NAME.png``, and a row in
    ``heat_maps.csv``: the method, the class that is explained (``target``), what a heat of 1 stands for
    (``scale``) and where the maximum lies (world mm, RAS+).

    Args:
        output_dir: the folder that holds predictions.csv too.
        network: that answers.
        method: how it is explained, e.g. :func:`default_method` of the network.
        class_names: the classes, by index, as ``{"0": name, ...}`` or a sequence.
        target: class to explain; None explains the predicted one.
        overlays: also draw a PNG of each scan; needs matplotlib.
    """

    def __init__(
        self,
        output_dir: str | Path,
        network: nn.Module,
        method: HeatMapMethod,
        class_names: Mapping[str, str] | Sequence[str],
        target: int | None = None,
        overlays: bool = True,
    ) -> None:
        self.folder = Path(output_dir)
        self.network = network
        self.method = method
        self.class_names = list(class_names.values() if isinstance(class_names, Mapping) else class_names)
        if target is not None and target not in range(len(self.class_names)):
            raise UserError(
                f"explain_target={target} is not a class; expected 0 to {len(self.class_names) - 1}"
            )
        self.target = target
        self.overlays = overlays
        self.count = 0

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add)

    def start(self) -> None:
        self.count = 0
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "heat_maps.csv").open("w", newline="") as file:
            csv.DictWriter(file, COLUMNS).writeheader()

    def add(self, engine: Workflow) -> None:
        answers = [output["pred"].as_subclass(torch.Tensor) for output in engine.state.output]
        items = list(zip(itertools.count(self.count), engine.state.batch, answers))
        self.count += len(items)
        items = [(number, item, answer) for number, item, answer in items if _answered(item, answer)]
        if items:
            self._explain(items)

    def _explain(self, items: list[tuple[int, dict[str, Any], torch.Tensor]]) -> None:
        probabilities = torch.stack([answer for _, _, answer in items])
        grids = [item["image"].as_subclass(torch.Tensor) for _, item, _ in items]
        x = torch.stack(grids).to(probabilities.device)
        classes = probabilities.argmax(dim=1)
        if self.target is not None:
            classes = torch.full_like(classes, self.target)
        heat_maps = explain(self.method, x, classes)
        curves = slice_curve(self.network, x) if self.overlays else None
        for index, ((number, item, answer), heat_map) in enumerate(zip(items, heat_maps, strict=True)):
            stem = f"heat_maps/{number:04d}_{_stem(item['name'])}"
            self._save_heat_map(item, heat_map, stem)
            if self.overlays:
                curve = None if curves is None else curves[index].cpu()
                self._save_overlay(item, heat_map, stem, float(answer[heat_map.target]), curve)
            self._add_row(item, heat_map, stem)
            item["heat_map"] = f"{stem}.nii.gz"

    def _save_heat_map(self, item: dict[str, Any], heat_map: HeatMap, stem: str) -> None:
        affine, shape = (item["image"].meta[f"original_{part}"] for part in ("affine", "shape"))
        steps = heat_on_scan(heat_map.heat, item["image"].affine, affine, shape.tolist())
        target = self.class_names[heat_map.target]
        description = f"1 = {heat_map.scale:.3g}; {self.method.name}: {target}; research use only"
        save_heat_map(steps, affine, self.folder / f"{stem}.nii.gz", description)

    def _save_overlay(
        self,
        item: dict[str, Any],
        heat_map: HeatMap,
        stem: str,
        probability: float,
        curve: torch.Tensor | None,
    ) -> None:
        image, target = item["image"], self.class_names[heat_map.target]
        title = f"{item['name'][-90:]}\n{self.method.name}, {target} ({probability:.3f}); research use only"
        figure = draw_overlay(image.as_tensor()[0].cpu(), image.affine.numpy(), heat_map, title, curve)
        save_overlay(figure, self.folder / f"{stem}.png")

    def _add_row(self, item: dict[str, Any], heat_map: HeatMap, stem: str) -> None:
        row = {
            "image": item["name"],
            "heat_map": f"{stem}.nii.gz",
            "overlay": f"{stem}.png" if self.overlays else "",
            "method": self.method.name,
            "target": self.class_names[heat_map.target],
            "scale": heat_map.scale,
        }
        if heat_map.scale:
            place = heat_map.hottest_in_world(item["image"].affine).round(1).tolist()
            row |= dict(zip(COLUMNS[-3:], place, strict=True))
        with (self.folder / "heat_maps.csv").open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)


def _answered(item: Mapping[str, Any], answer: torch.Tensor) -> bool:
    return not item["refusal"]["code"] and bool(torch.isfinite(answer).all())


def _stem(name: str) -> str:
    """Return a file name without folder and the endings that scans have."""
    stem = Path(name).name or "scan"
    for ending in (".gz", ".nii", ".nrrd", ".mha", ".mhd"):
        stem = stem.removesuffix(ending)
    return stem
