"""DICOM results beside the predictions: a handler of the evaluator."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Events
from monai.engines import Workflow

from scripts.errors import UserError
from scripts.explanation import HeatMapMethod, lobes_of
from scripts.networks import weights_hash
from scripts.scans import Declaration, file_stem

from .codes import GRADIENT_WEIGHTED_ACTIVATION, SALIENCY
from .library import highdicom
from .lobes import lobe_producer, lobes_on_source
from .parametric_map import heat_parametric_map
from .producer import Producer
from .report import classification_report
from .secondary_capture import heat_captures
from .segmentation import lobe_segmentation
from .source import SourceSeries, read_source

__all__ = ["DicomWriter"]


class DicomWriter:
    """Write each answered DICOM series' results into its own study, as DICOM objects.

    Attach it after the handlers that write heat maps and predictions: from them an item has ``answer`` (its
    row), ``heat_map`` (a path in the folder) and ``explained`` (its class). Lobes become a segmentation:
    those of ``lobes``, the path of a mask on the scan's voxels, else those that the lobe network found when
    it made the box.

    Writes ``dicom/NNNN_NAME/report.dcm``, ``heat_map.dcm``, ``heat_overlay_N.dcm`` and ``lobes.dcm``. A scan
    that is no DICOM series, or one that no object can refer to, keeps its answer, and one line says why it
    has no objects. A heat map that is 0 everywhere makes none, nor do lobes that cannot be a patient's.

    Args:
        output_dir: the folder that holds predictions.csv too.
        class_names: the classes, by index, as ``{"0": name, ...}`` or a sequence.
        ckpt_path: named by its SHA-256.
        version: of the bundle.
        method: that made the heat maps; it names its quantity, and its network.
        window: level and width of the overlays' grey values, HU.
        lobe_labels: how lobe masks are numbered, a key of ``scripts.lobes.LABEL_TABLES``.

    Raises:
        UserError: highdicom is not installed.
    """

    def __init__(
        self,
        output_dir: str | Path,
        class_names: Mapping[str, str] | Sequence[str],
        ckpt_path: str | Path,
        version: str,
        method: HeatMapMethod,
        window: tuple[float, float] = (-500.0, 1500.0),
        lobe_labels: str = "bundle",
    ) -> None:
        highdicom()
        self.folder = Path(output_dir)
        self.class_names = list(class_names.values() if isinstance(class_names, Mapping) else class_names)
        self.ckpt_path = ckpt_path
        self.version = version
        self.network = type(method.network).__name__
        gradients = method.name.startswith(("grad_cam", "cam"))
        self.quantity = GRADIENT_WEIGHTED_ACTIVATION if gradients else SALIENCY
        self.window = window
        self.lobe_labels = lobe_labels
        self.count = self.written = 0

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def start(self) -> None:
        self.count = self.written = 0
        self.producer = Producer(self.version, weights_hash(self.ckpt_path), self.network)

    def add(self, engine: Workflow) -> None:
        for item in engine.state.batch:
            if item["answer"]["prediction"]:
                self._write(item, self.folder / "dicom" / f"{self.count:04d}_{file_stem(item['name'])}")
            self.count += 1

    def finish(self) -> None:
        print(f"DICOM results of {self.written} of {self.count} scans: {self.folder / 'dicom'}")

    def _write(self, item: Mapping[str, Any], folder: Path) -> None:
        try:
            objects = self._objects(item)
        except UserError as mistake:
            print(f"no DICOM results for {mistake}")
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name, dataset in objects.items():
            dataset.save_as(folder / f"{name}.dcm")
        self.written += 1

    def _objects(self, item: Mapping[str, Any]) -> dict[str, Any]:
        meta, answer = item["image"].meta, item["answer"]
        source = read_source(meta["path"], Declaration(series=meta["series"] or None))
        objects = {"report": classification_report(source, answer, self.class_names, self.producer)}
        if item.get("heat_map"):
            heat = source.load(self.folder / item["heat_map"]).astype(np.float32)
            explained = item["explained"]
            if heat.any():
                objects["heat_map"] = heat_parametric_map(
                    source, heat, explained, self.producer, self.quantity
                )
                captures = heat_captures(source, heat, explained, self.producer, self.window)
                objects |= {f"heat_overlay_{number}": one for number, one in enumerate(captures, 1)}
        return objects | self._lobes(source, item)

    def _lobes(self, source: SourceSeries, item: Mapping[str, Any]) -> dict[str, Any]:
        try:
            known = lobes_of(item, self.lobe_labels)
            if known is None:
                return {}
            lobes, _ = known
            producer = lobe_producer(lobes, self.version)
            return {"lobes": lobe_segmentation(source, lobes_on_source(source, lobes), producer)}
        except UserError as mistake:
            print(f"no DICOM lobes for {mistake}")
            return {}
