"""Heat maps beside the predictions: a handler of the evaluator."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Workflow
from torch import nn

from scripts.errors import UserError
from scripts.growing_table import GrowingTable
from scripts.scans import file_stem
from scripts.transforms import from_window

from .attention import slice_curve
from .explaining import HeatMap, explain
from .heat_map_file import heat_on_scan, save_heat_map
from .lobe_summary import lobe_shares, lobes_of, summarise_lobes
from .method import HeatMapMethod
from .overlay import draw_overlay, save_overlay

__all__ = ["HeatMapWriter"]

PLACE = ["maximum_r", "maximum_a", "maximum_s"]
IN_LOBES = ["lobes_from", "heat_in_lungs", "lungs_in_grid", "hottest_lobe"]
COLUMNS = ["image", "heat_map", "overlay", "method", "target", "scale", *PLACE, *IN_LOBES]
LOBE_COLUMNS = [
    "image",
    "lobes_from",
    "lobe",
    "volume_ml",
    "opacity_ml",
    "consolidation_ml",
    "opacity_share",
    "heat_share",
]


class HeatMapWriter:
    """Write a heat map of each scan as soon as it is answered, and tell the item where it lies.

    Attach it before the handler that writes predictions: that one finds the file's path, relative to the
    folder, under ``heat_map`` of the item, and the class under ``explained``. A scan without an answer
    (refused, or not a finite number) gets none. The engine's items and output are those that
    ``scripts.evaluation.PredictionWriter`` reads.

    Writes ``heat_maps/NNNN_NAME.nii.gz`` in the scan's geometry, ``NNNN_NAME.png``, and a row in
    ``heat_maps.csv``: the method, the class that is explained (``target``), what a heat of 1 stands for
    (``scale``) and where the maximum lies (world mm, RAS+). Of scans whose lobes are known, by a mask in the
    item or by the lobe network, ``lobes.csv`` has a row a lobe, and a map with more heat outside the lungs
    than an even one adds ``heat_outside_lungs`` to the scan's flags.

    Args:
        output_dir: the folder that holds predictions.csv too.
        network: that answers.
        method: how it is explained, e.g. :func:`default_method` of the network.
        class_names: the classes, by index, as ``{"0": name, ...}`` or a sequence.
        target: class to explain; None explains the predicted one.
        overlays: also draw a PNG of each scan; needs matplotlib.
        window: ``(level, width)`` in HU that the grid shows as 0..1; opacity is counted in HU.
        lobe_labels: how lobe masks are numbered, a key of ``scripts.lobes.LABEL_TABLES``.
    """

    def __init__(
        self,
        output_dir: str | Path,
        network: nn.Module,
        method: HeatMapMethod,
        class_names: Mapping[str, str] | Sequence[str],
        target: int | None = None,
        overlays: bool = True,
        window: Sequence[float] = (-500.0, 1500.0),
        lobe_labels: str = "bundle",
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
        self.window = (float(window[0]), float(window[1]))
        self.lobe_labels = lobe_labels
        self.table = GrowingTable(self.folder / "heat_maps.csv", COLUMNS)
        self.lobe_table = GrowingTable(self.folder / "lobes.csv", LOBE_COLUMNS)

    def attach(self, engine: Workflow) -> None:
        for table in (self.table, self.lobe_table):
            engine.add_event_handler(Events.STARTED, table.start)
            engine.add_event_handler(Events.COMPLETED, table.finish)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add)

    def add(self, engine: Workflow) -> None:
        answers = [output["pred"].as_subclass(torch.Tensor) for output in engine.state.output]
        items = [
            (int(item["position"]), item, answer)
            for item, answer in zip(engine.state.batch, answers, strict=True)
            if _answered(item, answer)
        ]
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
        for index, ((number, item, _), heat_map) in enumerate(zip(items, heat_maps, strict=True)):
            stem = f"heat_maps/{number:04d}_{file_stem(item['name'])}"
            self._save_heat_map(item, heat_map, stem)
            if self.overlays:
                curve = None if curves is None else curves[index].cpu()
                self._save_overlay(item, heat_map, stem, curve)
            row = self._row(item, heat_map, stem) | self._summarise_lobes(number, item, heat_map)
            self.table.add([(number, row)])
            item["heat_map"] = f"{stem}.nii.gz"
            item["explained"] = self.class_names[heat_map.target]

    def _save_heat_map(self, item: dict[str, Any], heat_map: HeatMap, stem: str) -> None:
        affine, shape = (item["image"].meta[f"original_{part}"] for part in ("affine", "shape"))
        steps = heat_on_scan(heat_map.heat, item["image"].affine, affine, shape.tolist())
        target = self.class_names[heat_map.target]
        description = f"1 = {heat_map.scale:.3g}; {self.method.name}: {target}; research use only"
        save_heat_map(steps, affine, self.folder / f"{stem}.nii.gz", description)

    def _save_overlay(
        self, item: dict[str, Any], heat_map: HeatMap, stem: str, curve: torch.Tensor | None
    ) -> None:
        image, target = item["image"], self.class_names[heat_map.target]
        title = f"{item['name'][-90:]}\n{self.method.name}, {target}; research use only"
        figure = draw_overlay(image.as_tensor()[0].cpu(), image.affine.numpy(), heat_map, title, curve)
        save_overlay(figure, self.folder / f"{stem}.png")

    def _row(self, item: dict[str, Any], heat_map: HeatMap, stem: str) -> dict[str, Any]:
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
            row |= dict(zip(PLACE, place, strict=True))
        return row

    def _summarise_lobes(self, number: int, item: dict[str, Any], heat_map: HeatMap) -> dict[str, Any]:
        """Write the rows of a scan's lobes; return what its heat map's row says of them."""
        known = lobes_of(item, self.lobe_labels)
        if known is None:
            return {}
        lobes, source = known
        image = item["image"]
        hounsfield = from_window(image.as_tensor()[0].cpu(), self.window)
        shares = lobe_shares(lobes, image.affine, hounsfield.shape)
        voxel_volume = abs(float(torch.linalg.det(image.affine[:3, :3].double())))
        summary = summarise_lobes(heat_map, hounsfield, shares, voxel_volume)
        origin = {"image": item["name"], "lobes_from": source}
        self.lobe_table.add([(number, origin | row) for row in summary.lobes])
        image.meta["flags"] = " ".join(filter(None, [image.meta["flags"], *summary.flags]))
        shares_of_heat = (summary.heat_in_lungs, summary.lungs_in_grid)
        figures = [None if share is None else round(share, 4) for share in shares_of_heat]
        return dict(zip(IN_LOBES, [source, *figures, summary.hottest_lobe], strict=True))


def _answered(item: Mapping[str, Any], answer: torch.Tensor) -> bool:
    return not item["refusal"]["code"] and bool(torch.isfinite(answer).all())
