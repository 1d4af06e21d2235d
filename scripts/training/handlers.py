"""What happens around the training loop, beyond MONAI's own handlers."""

import logging
import math
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import IterationEvents, SupervisedTrainer, Workflow
from torch import nn

from scripts.errors import UserError
from scripts.processes import rank
from scripts.seeds import Stream, seed_generators, seed_of
from scripts.training.losses import MultiTaskLoss

__all__ = ["FiniteSteps", "LossTermRecorder", "SeedEachStep", "keep", "prepare_plain_batch", "steps_in_epoch"]

logger = logging.getLogger(__name__)


def prepare_plain_batch(
    batch: dict[str, Any],
    device: torch.device,
    non_blocking: bool = False,
    label_key: str = "label",
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Hand the engine's network plain tensors: metadata has no place in a forward pass, nor in ``compile``.

    Returns:
        The images ``(B, 1, R, A, S)`` and, where the batch has them, what ``label_key`` holds: the labels
        ``(B,)``, or label maps. Where the batch has further grids of the scans (``image_grid_1``, ...), also
        these, for an ensemble whose members see grids of their own, and no keyword arguments.
    """

    def placed(value: torch.Tensor) -> torch.Tensor:
        return value.as_subclass(torch.Tensor).to(device, non_blocking=non_blocking, **kwargs)

    image, label = placed(batch["image"]), placed(batch[label_key]) if label_key in batch else None
    names = sorted((name for name in batch if str(name).startswith("image_grid_")), key=len)
    return (image, label, tuple(placed(batch[name]) for name in names), {}) if names else (image, label)


class SeedEachStep:
    """Let all that is random in a step follow from the seed and the step's number alone.

    So a run that was interrupted, between epochs or within one, and went on takes the same steps as one that
    was not, and no random state needs saving. The augmentation has seeds of its own, which the batches bring
    along, so the number of loader workers changes nothing either.

    Args:
        batch_sampler: its ``set_epoch(epoch, first)`` chooses the batches.
        seed: of the run.
    """

    def __init__(self, batch_sampler: Any, seed: int) -> None:
        self.batch_sampler = batch_sampler
        self.seed = seed

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self.start_epoch)
        engine.add_event_handler(Events.ITERATION_STARTED, self.start_step)

    def start_epoch(self, engine: Workflow) -> None:
        self.batch_sampler.set_epoch(engine.state.epoch - 1, steps_in_epoch(engine))  # ignite counts from 1

    def start_step(self, engine: Workflow) -> None:
        seed_generators(seed_of(Stream.STEP, self.seed, engine.state.iteration, rank()))


def steps_in_epoch(engine: Workflow) -> int:
    """Return how many steps of its epoch an engine has taken."""
    state = engine.state
    return state.iteration - (state.epoch - 1) * state.epoch_length if state.epoch else 0


def keep(engine: Workflow, name: str, value: Any) -> None:
    """Let an engine's state have a value that a run goes on with: ``engine.state.NAME``.

    Args:
        engine: as ignite does for its own ``state_dict``, it lists the names in ``state_dict_user_keys``.
        name: of the value.
        value: to begin with; tensors, numbers, text, and lists and dicts of them.
    """
    setattr(engine.state, name, value)
    engine.state_dict_user_keys.append(name)


class LossTermRecorder:
    """Average each summand of the multi-task loss over the epoch into ``engine.state.metrics``.

    TensorBoard's handler writes the engine's metrics: the paper's Fig. 5 is the curve of
    ``loss_pneumonia_type``. A single-task network has ``loss`` alone. The sums of the epoch so far are
    ``engine.state.loss_sums``.

    Args:
        loss: the loss the engine trains with.
    """

    def __init__(self, loss: torch.nn.Module) -> None:
        self.loss = loss

    def attach(self, engine: Workflow) -> None:
        keep(engine, "loss_sums", {})
        engine.add_event_handler(Events.EPOCH_STARTED, self.reset)
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self.update)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.compute)

    def reset(self, engine: Workflow) -> None:
        if not steps_in_epoch(engine):
            engine.state.loss_sums = {}

    def update(self, engine: Workflow) -> None:
        output, sums = engine.state.output, engine.state.loss_sums
        terms = {"loss": output["loss"].detach()}
        if isinstance(self.loss, MultiTaskLoss) and isinstance(output["pred"], tuple):
            with torch.no_grad():
                summands = self.loss.terms(output["pred"], output["label"])
            terms |= {f"loss_{name}": value for name, value in summands._asdict().items()}
        for name, value in terms.items():  # stays on the GPU: no wait for it
            sums[name] = sums[name].to(value.device) + value if name in sums else value

    def compute(self, engine: Workflow) -> None:
        steps = steps_in_epoch(engine)
        engine.state.metrics |= {name: float(total) / steps for name, total in engine.state.loss_sums.items()}


class FiniteSteps:
    """Take no step by a gradient that is not finite, and end a training whose loss is not.

    Half precision overflows now and then: its scaler leaves such a step out by itself. Without one it is left
    out here. Both are counted, in ``engine.state.metrics["nonfinite_gradients"]``. A loss that is not finite,
    an epoch without a single step, or a network whose output in validation is not finite ends the run, before
    the weights are changed and before anything is overwritten.

    Args:
        evaluator: that validates.

    Raises:
        UserError: (while the engine runs) as said; the message has epoch, iteration and learning rate.
    """

    def __init__(self, evaluator: Workflow) -> None:
        self.evaluator = evaluator

    def attach(self, engine: SupervisedTrainer) -> None:
        self.trainer = engine
        keep(engine, "nonfinite_gradients", 0)
        engine.add_event_handler(Events.EPOCH_STARTED, self.reset)
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self.look_at_step)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.end_epoch)
        self.evaluator.add_event_handler(IterationEvents.FORWARD_COMPLETED, self.look_at_output)

    def reset(self, engine: Workflow) -> None:
        if not steps_in_epoch(engine):
            engine.state.nonfinite_gradients = 0

    def look_at_step(self, engine: SupervisedTrainer) -> None:
        groups = engine.optimizer.param_groups
        gradients = [weight.grad for group in groups for weight in group["params"] if weight.grad is not None]
        largest = nn.utils.get_total_norm(gradients, norm_type=math.inf)  # of squares it would overflow
        loss = engine.state.output["loss"].detach()
        loss, largest = torch.stack([loss.float(), largest.to(loss.device).float()]).tolist()  # one wait
        if not math.isfinite(loss):
            raise self._diverged(f"the loss is {loss}")
        if not math.isfinite(largest):
            engine.state.nonfinite_gradients += 1
            if getattr(engine, "scaler", None) is None:
                engine.optimizer.zero_grad(set_to_none=True)  # a weight without a gradient stays as it is

    def end_epoch(self, engine: Workflow) -> None:
        count, steps = engine.state.nonfinite_gradients, steps_in_epoch(engine)
        engine.state.metrics["nonfinite_gradients"] = count
        if count:
            text = "epoch %d: %d of %d steps were left out, for their gradient was not finite"
            logger.warning(text, engine.state.epoch, count, steps)
        if count == steps:
            raise self._diverged("no gradient of the epoch is finite")

    def look_at_output(self, evaluator: Workflow) -> None:
        outputs = evaluator.state.output["pred"]
        for output in outputs if isinstance(outputs, tuple) else (outputs,):
            if not torch.isfinite(output).all():
                raise self._diverged("the network's output in validation is not finite")

    def _diverged(self, what: str) -> UserError:
        state, rate = self.trainer.state, self.trainer.optimizer.param_groups[0]["lr"]
        return UserError(
            f"training diverged: {what} in epoch {state.epoch}, iteration {state.iteration}, at a learning "
            f"rate of {rate:g}; model and state of the epochs before are kept; start anew with a lower rate"
        )
