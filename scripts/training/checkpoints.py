"""The best model, the last state, and how a run goes on from it."""

from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Workflow

from scripts.errors import UserError
from scripts.files import write_whole
from scripts.processes import rank

__all__ = ["BestAndLast", "check_earlier_run"]

LAST_STATE = "last_state.pt"


def check_earlier_run(ckpt_dir: str | Path, resume: bool) -> None:
    """Make sure that a run to be resumed is there, and that none is overwritten.

    Args:
        ckpt_dir: of the run.
        resume: it is to go on.

    Raises:
        UserError: it is not so.
    """
    path = Path(ckpt_dir, LAST_STATE)
    if resume and not path.is_file():
        raise UserError(f"{path}: no earlier run to resume; leave out --resume or correct --output_dir")
    if path.exists() and not resume:
        raise UserError(
            f"{path}: an earlier run is there; go on with it by --resume True, or choose another --output_dir"
        )


class BestAndLast:
    """Keep the best weights as ``model.pt`` and all that is needed to resume as ``last_state.pt``.

    The best is what the evaluator's key metric, on the scans that select, says. Attach after the handler
    that validates. Files are replaced whole, so an interrupted run never leaves half of one. Of several
    processes the first writes, and all resume.

    Args:
        ckpt_dir: where the two files go.
        network: that is trained; saved for resuming.
        kept_network: that is validated; ``model.pt`` is its plain state dict, as every client of a bundle
            reads it. None is ``network``; a moving average of its weights is saved for resuming as well.
        optimizer: saved for resuming.
        lr_scheduler: saved for resuming.
        evaluator: holds the key metric.
        model_file: its ``write(path)`` says beside the best weights what they are; None says nothing.
        resume: go on from ``last_state.pt``; without it, a folder that already holds one is refused.
        weights_name: of the file of the best weights.

    Raises:
        UserError: (when the engine starts) there is nothing to resume, or something not to be overwritten.
    """

    def __init__(
        self,
        ckpt_dir: str | Path,
        network: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        lr_scheduler: Any,
        evaluator: Workflow,
        model_file: Any = None,
        resume: bool = False,
        kept_network: torch.nn.Module | None = None,
        weights_name: str = "model.pt",
    ) -> None:
        self.ckpt_dir = Path(ckpt_dir)
        self.parts = {"network": network, "optimizer": optimizer, "lr_scheduler": lr_scheduler}
        self.kept_network = network if kept_network is None else kept_network
        if self.kept_network is not network:
            self.parts["kept_network"] = self.kept_network
        self.evaluator = evaluator
        self.model_file = model_file
        self.resume = resume
        self.weights_name = weights_name

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)

    def start(self, engine: Workflow) -> None:
        if engine.state.iteration:  # a federated client's next round
            return
        check_earlier_run(self.ckpt_dir, self.resume)
        if self.resume:
            self._load(engine, self.ckpt_dir / LAST_STATE)

    def save(self, engine: Workflow) -> None:
        if rank() > 0:
            return
        self.ckpt_dir.mkdir(parents=True, exist_ok=True)
        best = self.evaluator.state
        if best.best_metric_epoch == engine.state.epoch:
            weights = self.ckpt_dir / self.weights_name
            _replace(self.kept_network.state_dict(), weights)
            if self.model_file is not None:
                self.model_file.write(weights)
        state = {name: part.state_dict() for name, part in self._all_parts(engine).items()}
        state["progress"] = {
            "epoch": engine.state.epoch,
            "iteration": engine.state.iteration,
            "best_metric": float(best.best_metric),
            "best_metric_epoch": best.best_metric_epoch,
        }
        _replace(state, self.ckpt_dir / LAST_STATE)

    def _load(self, engine: Workflow, path: Path) -> None:
        state = torch.load(path, map_location=engine.state.device, weights_only=True)
        for name, part in self._all_parts(engine).items():
            part.load_state_dict(state[name])
        progress = state["progress"]
        engine.state.epoch, engine.state.iteration = progress["epoch"], progress["iteration"]
        self.evaluator.state.best_metric = progress["best_metric"]
        self.evaluator.state.best_metric_epoch = progress["best_metric_epoch"]

    def _all_parts(self, engine: Workflow) -> dict[str, Any]:
        scaler = getattr(engine, "scaler", None)  # only with automatic mixed precision
        return self.parts if scaler is None else {**self.parts, "scaler": scaler}


def _replace(content: dict[str, Any], path: Path) -> None:
    write_whole(path, lambda file: torch.save(content, file))
