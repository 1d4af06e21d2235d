"""predictions.csv and predictions.json: one row a scan, also for a refused one."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Events
from monai.engines import Workflow

from scripts.growing_table import GrowingTable
from scripts.networks import weights_hash
from scripts.processes import gather, rank
from scripts.statistics import class_columns, read_predictions

from .stored_calibration import StoredCalibration

__all__ = ["PredictionWriter", "fail_if_refused"]

INTENDED_USE = "research use only; not a medical device"


class PredictionWriter:
    """Write each scan's answer as soon as the network gives it.

    ``predictions.csv`` grows row by row, so that an interrupted run keeps what it computed;
    ``predictions.json`` follows at the end with the same rows, and the version, checkpoint and settings
    that made them, among them how many scans were read as HU and how many as grey levels of which window.
    The engine's items are those of a ``ScanDataset`` that keeps refused scans, with ``name``, and
    ``patient``, ``label`` and ``heat_map`` (a path) where known; its output has ``pred``, probabilities.
    Where an item names no patient, the key that a DICOM image brings stands for it.
    Each item gains its row as ``answer``, for handlers that come later. Of several processes that share the
    scans the first writes all rows, by the items' ``position``.

    Args:
        output_dir: where the two files go.
        class_names: the classes, by index, as ``{"0": name, ...}`` or a sequence.
        ckpt_path: named by its SHA-256 in the JSON file; several of an ensemble.
        version: of the bundle.
        settings: anything JSON can hold that says how the grid was made.
        abstain_below: abstain when the highest probability is under this, 0 to 1.
        calibration: of the checkpoint, read when the engine starts; None writes what the network said.
    """

    def __init__(
        self,
        output_dir: str | Path,
        class_names: Mapping[str, str] | Sequence[str],
        ckpt_path: str | Path | Sequence[str | Path],
        version: str,
        settings: Mapping[str, Any],
        abstain_below: float = 0.0,
        calibration: StoredCalibration | None = None,
    ) -> None:
        self.folder = Path(output_dir)
        self.class_names = list(class_names.values() if isinstance(class_names, Mapping) else class_names)
        self.ckpt_path = ckpt_path
        self.header: dict[str, Any] = {
            "intended_use": INTENDED_USE,
            "version": version,
            "checkpoint": _each(str, ckpt_path),
            "settings": dict(settings),
        }
        self.abstain_below = abstain_below
        self.calibration = calibration
        self.table = GrowingTable(self.folder / "predictions.csv", self.columns)
        self.intensities: Counter[str] = Counter()

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    @property
    def columns(self) -> list[str]:
        """The columns of the table, in order."""
        known = ["image", "patient", "label", *class_columns(self.class_names)]
        return [*known, "prediction", "above_threshold", "abstain", "reason", "flags", "heat_map"]

    def start(self) -> None:
        self.intensities.clear()
        if self.calibration is not None:
            self.calibration.load()
            self.header["settings"] |= self.calibration.settings()
        self.table.start()

    def add(self, engine: Workflow) -> None:
        items = zip(engine.state.batch, engine.state.output, strict=True)
        for item, output in items:
            item["answer"] = self.row(item, output["pred"])
        self.table.add((int(item.get("position", 0)), item["answer"]) for item in engine.state.batch)
        self.intensities.update(
            item["image"].meta["intensity"] for item in engine.state.batch if not item["refusal"]["code"]
        )

    def finish(self) -> None:
        rows = self.table.finish()
        intensities: Counter[str] = sum(gather(self.intensities), Counter())
        if rank() > 0:
            return
        checkpoint_hash = _each(weights_hash, self.ckpt_path)
        settings = {**self.header["settings"], "intensity": dict(intensities)}
        content = {**self.header, "settings": settings, "checkpoint_sha256": checkpoint_hash}
        content["predictions"] = rows
        (self.folder / "predictions.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def row(self, item: Mapping[str, Any], probabilities: torch.Tensor) -> dict[str, Any]:
        """Return a scan's row; a refused scan, or one without a finite answer, has no probabilities."""
        reason = ": ".join(filter(None, (item["refusal"]["code"], item["refusal"]["message"])))
        if not reason and not torch.isfinite(probabilities).all():
            reason = "non_finite_output: the network gave no finite probability; check the checkpoint"
        refused = bool(reason)
        answer, above = self._calibrated(probabilities)
        values = [round(value, 7) for value in answer.tolist()]
        if not refused and max(values) < self.abstain_below:
            reason = f"uncertain: the highest probability {max(values):.3f} is under {self.abstain_below}"
        return {
            "image": item["name"],
            "patient": item.get("patient") or item["image"].meta.get("patient", ""),
            "label": int(item["label"]) if "label" in item else "",
            **dict(
                zip(class_columns(self.class_names), [""] * len(values) if refused else values, strict=True)
            ),
            "prediction": "" if refused else self.class_names[int(answer.argmax())],
            "above_threshold": "" if refused else "; ".join(above),
            "abstain": bool(reason),
            "reason": reason,
            "flags": item["image"].meta["flags"],
            "heat_map": item.get("heat_map", ""),
        }

    def _calibrated(self, probabilities: torch.Tensor) -> tuple[np.ndarray, list[str]]:
        answer = probabilities.as_subclass(torch.Tensor).double().cpu().numpy()
        return (answer, []) if self.calibration is None else self.calibration(answer)


def _each(function: Callable[[Any], str], value: Any) -> str | list[str]:
    return [function(one) for one in value] if isinstance(value, (list, tuple)) else function(value)


def fail_if_refused(
    output_dir: str | Path, table: str = "predictions.csv", answer: str = "prediction"
) -> None:
    """Say how many scans were answered and which were refused; end with exit status 1 if any was.

    Args:
        output_dir: holds the table.
        table: has a row a scan, with ``image`` and ``reason``.
        answer: its column that is empty for a refused scan.

    Raises:
        SystemExit: a scan was refused. So this is the last step of inference, and of nothing else.
    """
    path = Path(output_dir) / table
    rows = read_predictions(path)
    refused = [row for row in rows if not row[answer]]
    for row in refused:
        print(f"refused {row['image']}: {row['reason']}")
    print(f"{len(rows) - len(refused)} of {len(rows)} scans answered: {path}")
    if refused:
        raise SystemExit(1)
