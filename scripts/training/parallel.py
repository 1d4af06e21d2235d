"""One network learnt by several processes: gradients and statistics averaged over them."""

from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from ignite.engine import Events
from monai.engines import Workflow
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from scripts.processes import world_size

__all__ = ["AverageStatistics", "average_gradients"]

KNOWN = signature(DistributedDataParallel).parameters
NEW_NAME = "forward_sync_buffers" in KNOWN  # since torch 2.13
OWN_BUFFERS: dict[str, Any] = {"forward_sync_buffers" if NEW_NAME else "broadcast_buffers": False}


def average_gradients(network: nn.Module, device: torch.device) -> DistributedDataParallel:
    """Wrap a network for training, so that every process takes the same step.

    The wrapper and the network share their weights: evaluate and save the network itself, and no name
    gains a prefix. Batch normalisation stays within a process: its batch is the paper's, with the paper's
    counts of each class, so ``SyncBatchNorm`` would make the statistics those of a larger batch.
    :class:`AverageStatistics` unites what the processes have seen.

    Args:
        network: on ``device``.
        device: of this process.
    """
    devices = [device] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=devices, **OWN_BUFFERS)


class AverageStatistics:
    """Average the running means and variances of the processes at the end of each epoch.

    A running statistic is a weighted sum of those of the batches, so the average is that of all processes'
    batches. It is taken at the epoch's last iteration, before anything validates or saves.

    Args:
        network: whose buffers are averaged in place; counts are left alone.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        if engine.state.iteration % engine.state.epoch_length:
            return
        for buffer in self.network.buffers():
            if buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer /= world_size()
