"""What happens around the training loop, beyond MONAI's own handlers."""

from collections import defaultdict
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import IterationEvents, Workflow
from monai.utils import set_determinism

from scripts.processes import rank
from scripts.training.losses import MultiTaskLoss

__all__ = ["LossTermRecorder", "ReseedEachEpoch", "prepare_plain_batch"]

RANK_STRIDE = 1_000_003  # no two processes augment alike, in any epoch


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


class ReseedEachEpoch:
    """Let all that is random in an epoch follow from the seed and the epoch's number alone.

    So a run that was interrupted and resumed draws the same batches and augmentations as one that was
    not, with any number of loader workers, and no random state needs saving.

    Args:
        dataset: its ``set_random_state(seed)`` seeds the augmentation.
        batch_sampler: its ``set_epoch(epoch)`` chooses the batches.
        seed: of the run.
    """

    def __init__(self, dataset: Any, batch_sampler: Any, seed: int) -> None:
        self.dataset = dataset
        self.batch_sampler = batch_sampler
        self.seed = seed

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Workflow) -> None:
        epoch = engine.state.epoch - 1  # ignite counts from 1
        seed = self.seed + epoch + RANK_STRIDE * rank()
        set_determinism(seed)  # also what the loader's workers draw their seeds from
        self.dataset.set_random_state(seed)
        self.batch_sampler.set_epoch(epoch)


class LossTermRecorder:
    """Average each summand of the multi-task loss over the epoch into ``engine.state.metrics``.

    TensorBoard's handler writes the engine's metrics: the paper's Fig. 5 is the curve of
    ``loss_pneumonia_type``. A single-task network has ``loss`` alone.

    Args:
        loss: the loss the engine trains with.
    """

    def __init__(self, loss: torch.nn.Module) -> None:
        self.loss = loss
        self.sums: dict[str, torch.Tensor] = {}
        self.count = 0

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self.reset)
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self.update)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.compute)

    def reset(self) -> None:
        self.sums = defaultdict(lambda: torch.zeros(()))
        self.count = 0

    def update(self, engine: Workflow) -> None:
        output = engine.state.output
        terms = {"loss": output["loss"].detach()}
        if isinstance(self.loss, MultiTaskLoss) and isinstance(output["pred"], tuple):
            with torch.no_grad():
                summands = self.loss.terms(output["pred"], output["label"])
            terms |= {f"loss_{name}": value for name, value in summands._asdict().items()}
        for name, value in terms.items():
            self.sums[name] = self.sums[name].to(value.device) + value  # stays on the GPU: no wait for it
        self.count += 1

    def compute(self, engine: Workflow) -> None:
        engine.state.metrics |= {name: float(total) / self.count for name, total in self.sums.items()}
