"""The best model, the last state, and how a run goes on from it."""

import hashlib
import io
import logging
import math
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Workflow

from scripts.errors import UserError
from scripts.files import sha256_of, write_whole
from scripts.processes import rank

from .handlers import steps_in_epoch
from .states import RunStates

__all__ = ["BestAndLast"]

logger = logging.getLogger(__name__)


class BestAndLast:
    """Keep the best weights as ``model.pt`` and all that is needed to go on as ``last_state.pt``.

    The best is what the evaluator's key metric, on the scans that select, says. Attach after all that
    happens at the end of an epoch. The state has the best weights too, and is written before they are, so a
    ``model.pt`` that is missing, damaged or another's is written again when the run goes on. Equal weights
    make equal files, whatever device they were on. What handlers keep in the engine's state goes on as well.
    Asked to end (see :class:`Interruption`), a run saves its state within the epoch, or its validation.
    Of several processes the first writes, and all go on.

    Args:
        states: the run's, on disk.
        network: that is trained; saved for going on.
        kept_network: that is validated; ``model.pt`` is its plain state dict, as every client of a bundle
            reads it. None is ``network``; a moving average of its weights is saved for going on as well.
        optimizer: saved for going on.
        lr_scheduler: saved for going on. With another number of epochs, its schedule is the one of a run of
            that length.
        evaluator: holds the key metric.
        model_file: its ``write(path)`` says beside the best weights what they are; None says nothing.

    Raises:
        UserError: as :meth:`RunStates.check` when the engine starts; the key metric is not finite; or the run
            ends without a model, since no epoch validated.
        SystemExit: the run was asked to end, and its state is saved.
    """

    def __init__(
        self,
        states: RunStates,
        network: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        lr_scheduler: Any,
        evaluator: Workflow,
        model_file: Any = None,
        kept_network: torch.nn.Module | None = None,
    ) -> None:
        self.states = states
        self.parts = {"network": network, "optimizer": optimizer, "lr_scheduler": lr_scheduler}
        self.kept_network = network if kept_network is None else kept_network
        if self.kept_network is not network:
            self.parts["kept_network"] = self.kept_network
        self.evaluator = evaluator
        self.model_file = model_file
        self.best: dict[str, torch.Tensor] = {}
        self.weights_sha256 = ""

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.GET_BATCH_STARTED, self.end_if_asked, engine)
        engine.add_event_handler(Events.GET_BATCH_STARTED, self.skip_to_validation)
        engine.add_event_handler(Events.GET_BATCH_COMPLETED, self.end_if_asked, engine)
        self.evaluator.add_event_handler(Events.ITERATION_COMPLETED, self.end_if_asked, engine)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def start(self, engine: Workflow) -> None:
        if engine.state.iteration:  # a federated client's next round
            return
        state = self.states.take()
        if state is not None:
            self._load(engine, state)

    def skip_to_validation(self, engine: Workflow) -> None:
        """End an epoch whose steps were all taken before the run was interrupted."""
        if steps_in_epoch(engine) == engine.state.epoch_length:
            engine.terminate_epoch()

    def save(self, engine: Workflow) -> None:
        """Write the state after an epoch, then the weights where they are the best so far."""
        if rank() > 0:
            return
        best = self.evaluator.state
        self._check_metric(engine)
        is_best = best.best_metric_epoch == engine.state.epoch
        if is_best:
            self.best = _plain(self.kept_network.state_dict())
            content = _archive(self.best)
            self.weights_sha256 = hashlib.sha256(content).hexdigest()
        self._write_state(engine, completed=engine.state.epoch)
        if is_best:
            self._write_weights(content)

    def end_if_asked(self, engine: Workflow) -> None:
        """Save the state within an epoch, and end the process, where somebody asked for it."""
        status = getattr(engine.state, "end_status", None)
        if status is None:
            return
        if rank() == 0:
            self._write_state(engine, completed=engine.state.epoch - 1)
        state = engine.state
        print(
            f"ended as asked in epoch {state.epoch} after iteration {state.iteration}; the state is in "
            f"{self.states.folder}: go on by --resume True (or auto)"
        )
        raise SystemExit(status)

    def finish(self, engine: Workflow) -> None:
        """Make sure that a run does not end well without a model."""
        if rank() == 0 and not self.states.weights.is_file():
            raise UserError(
                f"{self.states.weights}: not there, for none of {engine.state.epoch} epochs was validated; "
                f"lower --val_interval or raise --max_epochs"
            )

    def _write_state(self, engine: Workflow, completed: int) -> None:
        best = self.evaluator.state
        state = {name: part.state_dict() for name, part in self._all_parts(engine).items()}
        is_best = best.best_metric_epoch == completed  # then the weights are in the file once
        state["kept"] = {name: getattr(engine.state, name) for name in engine.state_dict_user_keys}
        own = state.get("kept_network", state["network"])
        state["best"] = own if is_best and completed == engine.state.epoch else self.best
        state["progress"] = {
            "epoch": completed,
            "iteration": engine.state.iteration,
            "epoch_length": engine.state.epoch_length,
            "max_epochs": engine.state.max_epochs,
            "best_metric": float(best.best_metric),
            "best_metric_epoch": best.best_metric_epoch,
            "weights_sha256": self.weights_sha256,
        }
        self.states.write(state)

    def _load(self, engine: Workflow, state: dict[str, Any]) -> None:
        progress, best = state["progress"], self.evaluator.state
        schedule = self._schedule(engine, state)
        for name, part in self._all_parts(engine).items():
            if schedule is None or name != "lr_scheduler":
                part.load_state_dict(state[name])
        if schedule is not None:
            for group, values in zip(self.parts["optimizer"].param_groups, schedule, strict=True):
                group.update(values)
        for name in engine.state_dict_user_keys:
            setattr(engine.state, name, state["kept"][name])
        taken = progress["iteration"] - progress["epoch"] * progress["epoch_length"]
        length = engine.state.epoch_length  # another one with another number of processes
        engine.state.epoch = progress["epoch"]
        engine.state.iteration = progress["epoch"] * length + min(taken, length)
        best.best_metric, best.best_metric_epoch = progress["best_metric"], progress["best_metric_epoch"]
        self.best, self.weights_sha256 = _plain(state["best"]), progress["weights_sha256"]
        if self.best and rank() == 0:
            self._restore_weights()

    def _schedule(self, engine: Workflow, state: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """Bring a schedule that follows another number of epochs to where the run is.

        Returns:
            What it sets in each group of the optimizer; None where the number of epochs is the same.
        """
        before, now = state["progress"]["max_epochs"], engine.state.max_epochs
        scheduler, steps = self.parts["lr_scheduler"], state["lr_scheduler"].get("last_epoch", 0)
        if before == now or now < state["progress"]["epoch"]:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of steps that no optimizer took
            for _ in range(steps):
                scheduler.step()
        groups = self.parts["optimizer"].param_groups
        logger.warning(
            "--max_epochs: %d then, %d now; the learning rate goes on as in a run of %d epochs, at %g",
            before, now, now, groups[0]["lr"],
        )  # fmt: skip
        return [{key: value for key, value in group.items() if key != "params"} for group in groups]

    def _check_metric(self, engine: Workflow) -> None:
        state = self.evaluator.state
        metric = state.metrics.get(state.key_metric_name)
        if state.epoch == engine.state.epoch and metric is not None and not math.isfinite(metric):
            raise UserError(
                f"{state.key_metric_name} is {metric} after epoch {engine.state.epoch}, so it cannot select "
                f"a model: a class may lack scans in the validation list; choose another selection_metric"
            )

    def _restore_weights(self) -> None:
        weights = self.states.weights
        found = sha256_of(weights) if weights.is_file() else None
        if found != self.weights_sha256:
            logger.warning(
                "%s: %s; written again from the state",
                weights,
                "missing" if found is None else "is not the best",
            )
            self._write_weights(_archive(self.best))
        elif self.model_file is not None:
            self.model_file.write_where_missing(weights)

    def _write_weights(self, content: bytes) -> None:
        write_whole(self.states.weights, content)
        if self.model_file is not None:
            self.model_file.write_where_missing(self.states.weights)

    def _all_parts(self, engine: Workflow) -> dict[str, Any]:
        scaler = getattr(engine, "scaler", None)  # only with automatic mixed precision
        return self.parts if scaler is None else {**self.parts, "scaler": scaler}


def _plain(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copy weights to the CPU, in one layout and without what a module adds to them."""
    return {
        sys.intern(name): value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, value in weights.items()
    }


def _archive(weights: Mapping[str, torch.Tensor]) -> bytes:
    memory = io.BytesIO()
    torch.save(weights, memory)
    return memory.getvalue()
