"""One row an epoch: what the curves of a report are drawn from."""

from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Workflow

from scripts.processes import rank
from scripts.text_files import write_rows

from .handlers import keep

__all__ = ["EpochHistory"]

TRAINING = {
    "loss": "loss",
    "detection_loss": "loss_detection",
    "type_loss": "loss_pneumonia_type",
    "combined_loss": "loss_combined",
    "nonfinite_gradients": "nonfinite_gradients",
}
VALIDATION = {"validation_accuracy": "accuracy", "validation_log_likelihood": "log_likelihood"}
COLUMNS = ["epoch", *TRAINING, *VALIDATION, "learning_rate"]


class EpochHistory:
    """Write the losses, validation metrics and learning rate of each epoch to a CSV file.

    Attach after the handlers that average the losses and that validate. A cell stays empty where the
    network has no such loss, or where the epoch did not validate. The rows are ``engine.state.history``, part
    of what a run goes on from, and the file is written from them alone, so that nothing that befalls it costs
    a run anything. Of several processes the first writes.

    Args:
        path: of the file.
        evaluator: holds the validation metrics.
        optimizer: whose learning rate, as it stands at the end of the epoch, is written.
    """

    def __init__(self, path: str | Path, evaluator: Workflow, optimizer: torch.optim.Optimizer) -> None:
        self.path = Path(path)
        self.evaluator = evaluator
        self.optimizer = optimizer

    def attach(self, engine: Workflow) -> None:
        keep(engine, "history", [])
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.add)
        engine.add_event_handler(Events.EPOCH_STARTED, self.write)  # once the state has the rows
        engine.add_event_handler(Events.COMPLETED, self.write)

    def add(self, engine: Workflow) -> None:
        engine.state.history.append(self._row(engine))

    def write(self, engine: Workflow) -> None:
        if rank() > 0 or not engine.state.history:
            return
        write_rows(self.path, COLUMNS, engine.state.history)

    def _row(self, engine: Workflow) -> dict[str, Any]:
        validated = self.evaluator.state.epoch == engine.state.epoch
        metrics = self.evaluator.state.metrics if validated else {}
        known = {column: engine.state.metrics.get(name) for column, name in TRAINING.items()}
        known |= {column: metrics.get(name) for column, name in VALIDATION.items()}
        known |= {"learning_rate": self.optimizer.param_groups[0]["lr"]}
        numbers = {column: "" if value is None else float(value) for column, value in known.items()}
        return {"epoch": engine.state.epoch, **numbers}
