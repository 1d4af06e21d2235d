"""One row an epoch: what the curves of a report are drawn from."""

from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Workflow

from scripts.csv_files import read_rows, write_rows

__all__ = ["EpochHistory"]

TRAINING = {
    "loss": "loss",
    "detection_loss": "loss_detection",
    "type_loss": "loss_pneumonia_type",
    "combined_loss": "loss_combined",
}
VALIDATION = {"validation_accuracy": "accuracy", "validation_log_likelihood": "log_likelihood"}
COLUMNS = ["epoch", *TRAINING, *VALIDATION, "learning_rate"]


class EpochHistory:
    """Write the losses, validation figures and learning rate of each epoch to a CSV file.

    Attach after the handlers that average the losses and that validate. A cell stays empty where the
    network has no such loss, or where the epoch did not validate. A resumed run goes on with the file.

    Args:
        path: of the file.
        evaluator: holds the validation figures.
        optimizer: whose learning rate, as it stands at the end of the epoch, is written.
    """

    def __init__(self, path: str | Path, evaluator: Workflow, optimizer: torch.optim.Optimizer) -> None:
        self.path = Path(path)
        self.evaluator = evaluator
        self.optimizer = optimizer

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        rows = [row for row in self._earlier() if int(row["epoch"]) < engine.state.epoch]
        write_rows(self.path, COLUMNS, [*rows, self._row(engine)])

    def _earlier(self) -> list[dict[str, str]]:
        return read_rows(self.path) if self.path.is_file() else []

    def _row(self, engine: Workflow) -> dict[str, Any]:
        validated = self.evaluator.state.epoch == engine.state.epoch
        figures = self.evaluator.state.metrics if validated else {}
        return {
            "epoch": engine.state.epoch,
            **{column: engine.state.metrics.get(name, "") for column, name in TRAINING.items()},
            **{column: figures.get(name, "") for column, name in VALIDATION.items()},
            "learning_rate": self.optimizer.param_groups[0]["lr"],
        }
