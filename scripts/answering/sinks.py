"""Where answers go: each sink takes an Answer and changes nothing, so that their order does not matter."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import nibabel
import numpy as np
import torch
from ignite.engine import Events
from monai.engines import Workflow

from scripts.explanation import draw_overlay, save_heat_map, save_overlay
from scripts.files import write_json, write_nifti
from scripts.journal import Journal
from scripts.processes import rank
from scripts.scans import forget_salt, share_salt
from scripts.statistics import DIGITS, class_columns, prediction_columns, raw_columns
from scripts.text_files import GrowingTable, Row
from scripts.transforms import from_window

from .answer import Answer
from .predictor import Predictor

__all__ = ["AnswerWriter", "GridFiles", "HeatMapFiles", "HeatMapPictures", "PredictionFiles", "Sink"]

JSON = "predictions.json"
INTENDED_USE = "research use only; not a medical device"
PLACE = ("maximum_r", "maximum_a", "maximum_s")
HEAT_MAPS = (
    "image", "heat_map", "method", "target", "scale", *PLACE, "lobes_from", "heat_in_lungs", "lungs_in_grid",
    "hottest_lobe",
)  # fmt: skip
LOBES = (
    "image", "lobes_from", "lobe", "volume_ml", "opacity_ml", "consolidation_ml", "opacity_share",
    "heat_share",
)  # fmt: skip


class Sink(Protocol):
    """Takes answers one by one, between a start and an end; of several processes, each its own answers.

    One that has ``tables`` begins them with the rows that they keep of an earlier run.
    """

    def start(self, predictor: Predictor) -> None:
        """Begin anew, but for the rows that the tables keep."""

    def take(self, answer: Answer) -> None:
        """Write what it writes of a scan."""

    def finish(self) -> None:
        """Write what comes at the end."""


class AnswerWriter:
    """A handler of an evaluator that makes each batch's answers and hands them to the sinks.

    The engine's items are those of a ``ScanDataset`` that keeps refused scans; its output has ``raw``, the
    network's own probabilities, where the postprocessing calibrates, else ``pred``.

    Args:
        predictor: makes the answers.
        sinks: take them.
        explain: make each scan's heat map.
        journal: what was answered before, and what is answered now; None begins anew.
    """

    def __init__(
        self,
        predictor: Predictor,
        sinks: Sequence[Sink],
        explain: bool = False,
        journal: Journal | None = None,
    ) -> None:
        self.predictor = predictor
        self.sinks = list(sinks)
        self.explain = explain
        self.journal = journal or Journal(None)
        self.tables: list[GrowingTable] = [
            table for sink in self.sinks for table in getattr(sink, "tables", ())
        ]

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def start(self) -> None:
        self.journal.start(self.tables)
        if self._makes_keys():
            share_salt(self.journal.folder)
        for sink in self.sinks:
            sink.start(self.predictor)

    def add(self, engine: Workflow) -> None:
        raw = [output["raw"] if "raw" in output else output["pred"] for output in engine.state.output]
        batch = {}
        for answer in self.predictor.answers(engine.state.batch, raw, self.explain):
            number = self.journal.number(answer.position)
            for sink in self.sinks:
                sink.take(replace(answer, position=number))
            rows = {table.path.name: table.new.get(number, []) for table in self.tables}
            batch[answer.position] = not answer.refusal, rows
        self.journal.keep(batch)

    def finish(self) -> None:
        for sink in self.sinks:
            sink.finish()
        self.journal.finish()
        forget_salt(self.journal.folder)

    def _makes_keys(self) -> bool:
        """Say whether DICOM patients get keys: those of a datalist have names."""
        return not all(item.get("patient") for item in self.journal.items)


class PredictionFiles:
    """``predictions.csv``, which grows scan by scan, and ``predictions.json`` with the same rows at the end.

    The JSON file is there only while both agree: it goes before the first new row comes. A row a scan, also
    for a refused one. The JSON file also has the version, the model's facts, and the
    choices of the run that made them, among them how many scans were read as HU and how many as grey levels.

    Args:
        output_dir: where the two files go.
        version: of the bundle.
        settings: of the run, beside those of the predictor: anything that JSON can hold.
        items: that are answered for; of :func:`scripts.scans.scan_items`, they also say what was passed over.
    """

    def __init__(
        self,
        output_dir: str | Path,
        version: str,
        settings: dict[str, Any] | None = None,
        items: Sequence[Any] = (),
    ) -> None:
        self.folder = Path(output_dir)
        self.version = version
        self.run_settings = settings or {}
        self.passed_over = getattr(items, "passed_over", {})
        self.table = GrowingTable(self.folder / "predictions.csv")
        self.tables = [self.table]

    def start(self, predictor: Predictor) -> None:
        self.settings = {**predictor.settings(), **self.run_settings}
        self.header = {
            "intended_use": INTENDED_USE,
            "version": self.version,
            "checkpoint": _alone([str(path) for path in predictor.model.checkpoints]),
            "checkpoint_sha256": _alone([one.weights_sha256 for one in predictor.model.files]),
        }
        self.table.columns = prediction_columns(predictor.classes)
        if self._shown(self.table.earlier) != self._in_json():
            self._remove_json()
        self.table.start()

    def take(self, answer: Answer) -> None:
        self._remove_json()
        row = prediction_row(answer) | {"intensity": answer.intensity if answer.prediction else ""}
        self.table.add([(answer.position, row)])

    def finish(self) -> None:
        rows = self.table.finish()
        if rank() == 0:
            intensities = Counter(row["intensity"] for row in rows if row["intensity"])
            content = {
                **self.header,
                "settings": {**self.settings, "intensity": dict(intensities)},
                "passed_over": self.passed_over,
                "predictions": self._shown(rows),
            }
            write_json(self.folder / JSON, content)

    def _shown(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        return [{name: row[name] for name in self.table.columns} for row in rows]

    def _in_json(self) -> Any:
        try:
            return json.loads((self.folder / JSON).read_text(encoding="utf-8"))["predictions"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _remove_json(self) -> None:
        if rank() == 0:
            (self.folder / JSON).unlink(missing_ok=True)


class HeatMapFiles:
    """A NIfTI file of each scan's heat map in its own geometry, ``heat_maps.csv``, and the lobes' opacity.

    ``heat_maps.csv`` says of each scan the method, the class that is explained (``target``), what a heat of
    1 stands for (``scale``) and where the maximum lies (world mm, RAS+); ``lobe_opacity.csv`` has a row for
    each lobe of the scans whose lobes are known.

    Args:
        output_dir: gains ``heat_maps/NNNN_NAME.nii.gz`` and the two tables.
    """

    def __init__(self, output_dir: str | Path) -> None:
        self.folder = Path(output_dir)
        self.table = GrowingTable(self.folder / "heat_maps.csv", HEAT_MAPS)
        self.lobe_table = GrowingTable(self.folder / "lobe_opacity.csv", LOBES)
        self.tables = [self.table, self.lobe_table]

    def start(self, predictor: Predictor) -> None:
        self.table.start()
        self.lobe_table.start()

    def take(self, answer: Answer) -> None:
        explanation = answer.explanation
        if explanation is None:
            return
        scale = explanation.heat_map.scale
        description = f"1 = {scale:.3g}; {explanation.method}: {explanation.target}; research use only"
        save_heat_map(explanation.steps, explanation.affine, self.folder / heat_map_path(answer), description)
        row = {
            "image": answer.name,
            "heat_map": heat_map_path(answer),
            "method": explanation.method,
            "target": explanation.target,
            "scale": scale,
        }
        if explanation.maximum is not None:
            row |= dict(zip(PLACE, (round(value, 1) for value in explanation.maximum), strict=True))
        summary, known = answer.lobe_summary, answer.lobes
        if summary is not None and known is not None:
            row |= {
                "lobes_from": known[1],
                "heat_in_lungs": None if summary.heat_in_lungs is None else round(summary.heat_in_lungs, 4),
                "lungs_in_grid": round(summary.lungs_in_grid, 4),
                "hottest_lobe": summary.hottest_lobe,
            }
            origin = {"image": answer.name, "lobes_from": known[1]}
            self.lobe_table.add([(answer.position, origin | lobe) for lobe in summary.lobes])
        self.table.add([(answer.position, row)])

    def finish(self) -> None:
        self.table.finish()
        self.lobe_table.finish()


class GridFiles:
    """A NIfTI file of what the network saw of each scan, in HU, for a viewer to show heat maps over.

    Args:
        output_dir: gains ``grids/NNNN_NAME.nii.gz``.
    """

    def __init__(self, output_dir: str | Path) -> None:
        self.folder = Path(output_dir)

    def start(self, predictor: Predictor) -> None:
        """Nothing to begin."""

    def take(self, answer: Answer) -> None:
        if answer.grid is not None and answer.geometry is not None and answer.prediction:
            hounsfield = from_window(answer.grid, answer.window).round().to(torch.int16).numpy()
            image = nibabel.Nifti1Image(hounsfield, np.asarray(answer.geometry.grid_affine, dtype=float))
            image.header.set_xyzt_units("mm")
            write_nifti(self.folder / "grids" / f"{answer.stem}.nii.gz", image)

    def finish(self) -> None:
        """Nothing to end."""


class HeatMapPictures:
    """A PNG of each scan with its heat map and its probabilities; needs matplotlib.

    Args:
        output_dir: gains ``heat_maps/NNNN_NAME.png``.
    """

    def __init__(self, output_dir: str | Path) -> None:
        self.folder = Path(output_dir)

    def start(self, predictor: Predictor) -> None:
        """Nothing to begin."""

    def take(self, answer: Answer) -> None:
        explanation = answer.explanation
        if explanation is None or answer.grid is None or answer.anatomy is None:
            return
        said = ", ".join(f"{name} {value:.2f}" for name, value in answer.probabilities.items())
        title = f"{answer.name[-90:]}\n{said}\n{explanation.method}, {explanation.target}; research use only"
        figure = draw_overlay(
            answer.grid,
            explanation.geometry.grid_affine,
            explanation.heat_map,
            title,
            answer.anatomy,
            explanation.slice_curve,
        )
        path = self.folder / heat_map_path(answer).replace(".nii.gz", ".png")
        save_overlay(figure, path)

    def finish(self) -> None:
        """Nothing to end."""


def heat_map_path(answer: Answer) -> str:
    """Return where a scan's heat map lies, from the run's folder on."""
    return f"heat_maps/{answer.stem}.nii.gz"


def prediction_row(answer: Answer) -> dict[str, Any]:
    """Return an answer as a row of predictions.csv."""
    columns = [*class_columns(answer.classes), *raw_columns(answer.classes)]
    known = [answer.probabilities.get(name) for name in answer.classes]
    known += [answer.raw.get(name) for name in answer.classes]
    values = ["" if value is None else float(f"{value:.{DIGITS}g}") for value in known]
    return {
        "image": answer.name,
        "patient": answer.patient,
        "label": "" if answer.label is None else answer.label,
        **dict(zip(columns, values, strict=True)),
        "prediction": answer.prediction,
        "above_threshold": "; ".join(answer.above_threshold),
        "abstain": answer.abstain,
        "reason": answer.reason,
        "training_distance": "" if answer.training_distance is None else round(answer.training_distance, 3),
        "flags": " ".join(answer.flags),
        "heat_map": heat_map_path(answer) if answer.is_explained and answer.prediction else "",
    }


def _alone(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
