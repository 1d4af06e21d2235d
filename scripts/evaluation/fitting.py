"""Fit a checkpoint's calibration on the scans that selected it, before any other scan is answered."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Events
from monai.engines import Workflow

from scripts.networks import weights_hash
from scripts.processes import gather, rank
from scripts.statistics import SENSITIVITY, PredictionTable, fit_calibration

from .stored_calibration import calibration_file, read_calibration, write_calibration

__all__ = ["CalibrationFitter", "calibrate_once"]


class CalibrationFitter:
    """Gather the answers of an evaluator and write ``calibration.json`` beside the checkpoint.

    The engine's items and output are those that ``PredictionWriter`` reads; a refused scan is left out.

    Args:
        ckpt_path: of the weights that answer.
        class_names: the classes, by index, as ``{"0": name, ...}`` or a sequence.
        training_prior: shares of the classes in the training batches.
        sensitivity: that each class's threshold should reach.
    """

    def __init__(
        self,
        ckpt_path: str,
        class_names: Mapping[str, str] | Sequence[str],
        training_prior: Sequence[float],
        sensitivity: float = SENSITIVITY,
    ) -> None:
        self.ckpt_path = ckpt_path
        self.class_names = list(class_names.values() if isinstance(class_names, Mapping) else class_names)
        self.training_prior = training_prior
        self.sensitivity = sensitivity
        self.rows: list[tuple[str, str, int, np.ndarray]] = []

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.STARTED, self.rows.clear)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def add(self, engine: Workflow) -> None:
        for item, output in zip(engine.state.batch, engine.state.output, strict=True):
            answer = output["pred"].as_subclass(torch.Tensor).double().cpu()
            if not item["refusal"]["code"] and torch.isfinite(answer).all():
                self.rows.append((item["name"], item["patient"], int(item["label"]), answer.numpy()))

    def finish(self) -> None:
        if not self.rows:
            print("no scan of the validation list was answered: the probabilities stay uncalibrated")
            return
        names, patients, labels, answers = zip(*self.rows, strict=True)
        columns = {"image": names, "patient": patients, "label": labels}
        table = PredictionTable.of(self.class_names, np.stack(answers), columns, source="the validation list")
        fitted = fit_calibration(table, self.class_names, self.training_prior, self.sensitivity)
        write_calibration(fitted, calibration_file(self.ckpt_path), self.ckpt_path)
        print(
            f"temperature {fitted.temperature:.3f} on {len(table)} scans: {calibration_file(self.ckpt_path)}"
        )


def calibrate_once(
    evaluator: Any, items: Sequence[Mapping[str, Any]], ckpt_path: str | Sequence[str]
) -> None:
    """Run the evaluator that fits, unless these weights have their calibration already.

    So a checkpoint that is evaluated on another data set keeps the calibration it came with. Of several
    processes the first fits, and the others wait for its file.

    Args:
        evaluator: has a :class:`CalibrationFitter`.
        items: the scans that select; where there are none, nothing is fitted.
        ckpt_path: of the weights; an ensemble, which has several, keeps the calibration that it is given.
    """
    if not isinstance(ckpt_path, (str, Path)):
        return
    if rank() == 0:
        _calibrate(evaluator, items, ckpt_path)
    gather(None)


def _calibrate(evaluator: Any, items: Sequence[Mapping[str, Any]], ckpt_path: str | Path) -> None:
    path = calibration_file(ckpt_path)
    both = path.is_file() and Path(ckpt_path).is_file()
    if both and read_calibration(path)[1] == weights_hash(ckpt_path):
        print(f"calibrated before: {path}")
    elif items:
        evaluator.run()
    else:
        print("the datalist has no validation list: the probabilities stay uncalibrated")
