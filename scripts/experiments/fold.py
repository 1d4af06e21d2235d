"""One training of a cross-validation: of a fold, or of all folds; then applied to scans that it never saw."""

import gc
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from scripts.errors import UserError
from scripts.files import write_json
from scripts.journal import answer_rest
from scripts.statistics import PredictionTable, read_table
from scripts.text_files import read_json

from .experiment import Experiment
from .timing import Forecast, NetworkTimer

__all__ = ["Fold", "count_parameters", "predict", "read_checked"]

PARTS = {"select": "validation.csv", "report": "held_out.csv", "test": "test.csv"}
FLIPS = "recipe_flips.yaml"
SCRATCH = "predicting_"


@dataclass(frozen=True)
class Fold:
    """A training and the folder of its run; what is there already is not computed again.

    Attributes:
        experiment: shared by all folds.
        index: of the fold that is held out; None trains on all folds.
        folder: gains what training leaves, then ``validation.csv``, ``held_out.csv`` (of a fold) and
            ``test.csv``, and at last ``fold.json``, which says that all is there.
    """

    experiment: Experiment
    index: int | None
    folder: Path

    @property
    def checkpoint(self) -> Path:
        """The weights that the scans of ``validation`` selected."""
        return self.folder / "model.pt"

    def record(self) -> dict[str, Any]:
        """Return what ``fold.json`` says: seconds, parameters, costs; empty for an unfinished fold."""
        path = self.folder / "fold.json"
        return read_json(path) if path.is_file() else {}

    def is_complete(self, flips: bool) -> bool:
        """Say whether all predictions are there, with ``flips`` also those that average over flips."""
        seconds = self.record().get("seconds_per_scan", {})
        return bool(seconds) and (not flips or "network_with_flips" in seconds)

    def complete(self, folds_left: int) -> None:
        """Train, or go on with an interrupted training, and predict; nothing if that is done.

        Args:
            folds_left: to this process, this one among them; for the forecast.
        """
        if self.record():
            return
        started = time.perf_counter()
        parameters = self._train(folds_left)
        items = self.experiment.items(self.index)
        parts = {part: name for part, name in PARTS.items() if self.index is not None or part != "report"}
        scans = [item for part in parts for item in items[part]]
        data = "$" + " + ".join(f"@parts['{part}']" for part in parts)
        table, seconds, _ = predict(
            self.experiment, self.checkpoint, scans, {"fold": self.index, "data": data}
        )
        for part, name in parts.items():
            if items[part]:
                table.select([item["name"] for item in items[part]]).write(self.folder / name)
        self._record(
            fold=self.index,
            seconds=round(time.perf_counter() - started, 1),
            parameters=parameters,
            seconds_per_scan={"network": seconds},
        )

    def complete_flipped(self) -> None:
        """Predict the test list once more, averaging over flips of each scan; nothing if that is done."""
        if self.is_complete(flips=True):
            return
        record, scans = self.record(), self.experiment.items(self.index)["test"]
        source = {"fold": self.index, "data": "$@parts['test']"}
        table, seconds, _ = predict(self.experiment, self.checkpoint, scans, source, [FLIPS])
        table.write(self.folder / "test_flipped.csv")
        record["seconds_per_scan"]["network_with_flips"] = seconds
        self._record(**record)

    def _train(self, folds_left: int) -> dict[str, int]:
        workflow = self.experiment.training(fold=self.index, output_dir=str(self.folder), resume="auto")
        Forecast(workflow.parser.get_parsed_content("train::trainer"), folds_left)
        workflow.run()
        workflow.finalize()
        parameters = count_parameters(workflow.parser.get_parsed_content("network_def"))
        del workflow
        _free_memory()
        return parameters

    def _record(self, **content: Any) -> None:
        write_json(self.folder / "fold.json", content)


def predict(
    experiment: Experiment,
    checkpoint: Path,
    items: Sequence[Mapping[str, Any]],
    source: Mapping[str, Any],
    overlays: Sequence[str] = (),
    class_names: Sequence[str] | None = None,
    unseen: bool = False,
) -> tuple[PredictionTable, float, str]:
    """Return a checkpoint's predictions, by evaluate.yaml, and its network's seconds a scan.

    Args:
        experiment: how it was trained.
        checkpoint: a state dict.
        items: the scans, as the rows are held against them.
        source: the same scans as the config finds them: ``data``, an expression, and other overrides.
        overlays: names of configs that come after evaluate.yaml.
        class_names: by index; None: the experiment's.
        unseen: stop at a scan that trained or selected the checkpoint.

    Returns:
        The table, the seconds, and what is known of scans that taught the checkpoint.

    Raises:
        UserError: as :func:`read_checked`; or a scan taught the checkpoint.
    """
    overrides = {("reported" if key == "data" else key): value for key, value in source.items()}
    for left in checkpoint.parent.glob(f"{SCRATCH}*"):  # by a run that was killed
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=checkpoint.parent) as scratch:
        workflow = experiment.evaluation(overlays, output_dir=scratch, ckpt_path=str(checkpoint), **overrides)
        if not unseen:
            workflow.parser["seen"] = ""
        seen = workflow.parser.get_parsed_content("seen")
        evaluator = workflow.parser.get_parsed_content("validate::evaluator")
        timer = NetworkTimer(evaluator)
        answer_rest(evaluator, workflow.parser.get_parsed_content("writer"))
        names = class_names or experiment.class_names
        table = read_checked(Path(scratch, "predictions.csv"), items, names).with_raw()
    del workflow, evaluator
    _free_memory()
    return table, timer.seconds_per_scan, seen


def read_checked(
    path: str | Path, items: Sequence[Mapping[str, Any]], class_names: Sequence[str]
) -> PredictionTable:
    """Read predictions and make sure that they are those of a list of scans, whole and undamaged.

    Args:
        path: of the form of predictions.csv.
        items: of the datalist; each scan must have one row, with its own label.
        class_names: by index.

    Returns:
        The table, in the order of the items.

    Raises:
        UserError: as :func:`read_table`; or scans are missing or unknown, or a label is not the datalist's.
    """
    table = read_table(path, class_names, may_be_all_refused=True)
    labels = {item["name"]: item["label"] for item in items}
    others = sorted(set(labels) ^ set(table.frame["image"]))
    if others:
        raise UserError(
            f"{path}: {len(table.frame)} rows do not fit the {len(items)} scans of the datalist "
            f"({others[0]} is in one of them only); remove the file and run again"
        )
    for image, label in zip(table.frame["image"], table.frame["label"], strict=True):
        if label != labels[image]:
            raise UserError(
                f"{path}: {image} has label {label}, in the datalist {labels[image]}; the labels changed "
                f"after the prediction"
            )
    return table.select(list(labels))


def count_parameters(network: nn.Module) -> dict[str, int]:
    """Count a network's weights as either paper does.

    Args:
        network: any.

    Returns:
        ``trainable`` (Shi et al., Table 3), and ``with_running_statistics``, which also counts the mean and
        the variance of each normalised channel (Wang et al., Table I).
    """
    trainable = sum(weight.numel() for weight in network.parameters())
    statistics = sum(buffer.numel() for buffer in network.buffers() if buffer.is_floating_point())
    return {"trainable": trainable, "with_running_statistics": trainable + statistics}


def _free_memory() -> None:
    gc.collect()  # engines and their handlers refer to each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
