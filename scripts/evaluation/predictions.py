"""predictions.csv and predictions.json: one row a scan, also for a refused one."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Workflow

from scripts.networks import weights_hash

__all__ = ["PredictionWriter", "class_columns", "fail_if_refused", "read_predictions"]

INTENDED_USE = "research use only; not a medical device"


def class_columns(class_names: Sequence[str]) -> list[str]:
    """Return the names of the probability columns.

    Example:
        >>> class_columns(["non-pneumonia", "COVID-19"])
        ['prob_non_pneumonia', 'prob_covid_19']
    """
    return ["prob_" + name.lower().replace("-", "_").replace(" ", "_") for name in class_names]


class PredictionWriter:
    """Write each scan's answer as soon as the network gives it.

    ``predictions.csv`` grows row by row, so that an interrupted run keeps what it computed;
    ``predictions.json`` follows at the end with the same rows, and the version, checkpoint and settings
    that made them. The engine's items are those of a ``ScanDataset`` that keeps refused scans, with ``name``,
    and ``patient``, ``label`` and ``heat_map`` (a path) where known; its output has ``pred``, probabilities.
    Each item gains its row as ``answer``, for handlers that come later.

    Args:
        output_dir: where the two files go.
        class_names: the classes, by index, as ``{"0": name, ...}`` or a sequence.
        ckpt_path: named by its SHA-256 in the JSON file.
        version: of the bundle.
        settings: anything JSON can hold that says how the grid was made.
        abstain_below: abstain when the highest probability is under this, 0 to 1.
    """

    def __init__(
        self,
        output_dir: str | Path,
        class_names: Mapping[str, str] | Sequence[str],
        ckpt_path: str | Path,
        version: str,
        settings: Mapping[str, Any],
        abstain_below: float = 0.0,
    ) -> None:
        self.folder = Path(output_dir)
        self.class_names = list(class_names.values() if isinstance(class_names, Mapping) else class_names)
        self.ckpt_path = ckpt_path
        self.header = {
            "intended_use": INTENDED_USE,
            "version": version,
            "checkpoint": str(ckpt_path),
            "settings": dict(settings),
        }
        self.abstain_below = abstain_below
        self.rows: list[dict[str, Any]] = []

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    @property
    def columns(self) -> list[str]:
        """The columns of the table, in order."""
        known = ["image", "patient", "label", *class_columns(self.class_names)]
        return [*known, "prediction", "abstain", "reason", "flags", "heat_map"]

    def start(self) -> None:
        self.rows = []
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "predictions.csv").open("w", newline="") as file:
            csv.DictWriter(file, self.columns).writeheader()

    def add(self, engine: Workflow) -> None:
        items = zip(engine.state.batch, engine.state.output, strict=True)
        rows = []
        for item, output in items:
            item["answer"] = self.row(item, output["pred"])
            rows.append(item["answer"])
        with (self.folder / "predictions.csv").open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerows(rows)
        self.rows += rows

    def finish(self) -> None:
        checkpoint_hash = weights_hash(self.ckpt_path)
        content = {**self.header, "checkpoint_sha256": checkpoint_hash, "predictions": self.rows}
        (self.folder / "predictions.json").write_text(json.dumps(content, indent=2) + "\n")

    def row(self, item: Mapping[str, Any], probabilities: torch.Tensor) -> dict[str, Any]:
        """Return a scan's row; a refused scan, or one without a finite answer, has no probabilities."""
        values = [round(float(value), 7) for value in probabilities]
        reason = ": ".join(filter(None, (item["refusal"]["code"], item["refusal"]["message"])))
        if not reason and not torch.isfinite(probabilities).all():
            reason = "non_finite_output: the network gave no finite probability; check the checkpoint"
        refused = bool(reason)
        if not refused and max(values) < self.abstain_below:
            reason = f"uncertain: the highest probability {max(values):.3f} is under {self.abstain_below}"
        return {
            "image": item["name"],
            "patient": item.get("patient", ""),
            "label": int(item["label"]) if "label" in item else "",
            **dict(
                zip(class_columns(self.class_names), [""] * len(values) if refused else values, strict=True)
            ),
            "prediction": "" if refused else self.class_names[int(probabilities.argmax())],
            "abstain": bool(reason),
            "reason": reason,
            "flags": item["image"].meta["flags"],
            "heat_map": item.get("heat_map", ""),
        }


def read_predictions(path: str | Path) -> list[dict[str, str]]:
    """Read the rows of a predictions.csv, every value as text."""
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def fail_if_refused(output_dir: str | Path) -> None:
    """Say how many scans were answered and which were refused; end with exit status 1 if any was.

    Raises:
        SystemExit: a scan was refused. So this is the last step of inference, and of nothing else.
    """
    path = Path(output_dir) / "predictions.csv"
    rows = read_predictions(path)
    refused = [row for row in rows if not row["prediction"]]
    for row in refused:
        print(f"refused {row['image']}: {row['reason']}")
    print(f"{len(rows) - len(refused)} of {len(rows)} scans answered: {path}")
    if refused:
        raise SystemExit(1)
