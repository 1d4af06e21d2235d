"""What steers the optimiser beyond its own settings."""

from typing import Any

import torch
from monai.engines import IterationEvents, Workflow
from torch import nn

__all__ = ["ClipGradients", "parameter_groups"]


def parameter_groups(
    network: nn.Module, lr: float, weight_decay: float, dense_factor: float = 0.1
) -> list[dict[str, Any]]:
    """Return parameter groups for an adaptive optimiser: who decays, and who learns slowly.

    Only weights of layers decay. Biases, and the scales and shifts of normalisations, which have one axis at
    most, do not (He et al., CVPR 2019, section 3.1).

    Fully connected weights learn more slowly. Adam moves every weight by about the learning rate, whatever
    its gradient's size. The thousands of inputs of PARL's first dense layer are all positive, and nothing
    normalises its output: weights that move together by 0.001 shift it by as much as it varies, and within
    a hundred steps all but a few of its units are dead. Convolutions are normalised after.

    Args:
        network: whose parameters that learn are grouped.
        lr: learning rate.
        weight_decay: of the weights.
        dense_factor: of the learning rate of fully connected weights.

    >>> layers = nn.Sequential(nn.Conv3d(1, 2, 3), nn.Linear(2, 3))
    >>> groups = parameter_groups(layers, lr=1.0, weight_decay=0.05)
    >>> [(group["lr"], group["weight_decay"], len(group["params"])) for group in groups]
    [(1.0, 0.05, 1), (0.1, 0.05, 1), (1.0, 0.0, 2)]
    """
    dense = {id(layer.weight) for layer in network.modules() if isinstance(layer, nn.Linear)}
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    weights = [parameter for parameter in learnt if parameter.ndim > 1]
    groups = [
        {"params": [one for one in weights if id(one) not in dense], "lr": lr, "weight_decay": weight_decay},
        {
            "params": [one for one in weights if id(one) in dense],
            "lr": lr * dense_factor,
            "weight_decay": weight_decay,
        },
        {"params": [one for one in learnt if one.ndim <= 1], "lr": lr, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


class ClipGradients:
    """Shorten the gradient of each step to a longest length, over all parameters together.

    Pascanu et al., ICML 2013. One batch that the network is very wrong about does not throw it far.

    Args:
        network: that is trained.
        max_norm: longest Euclidean length.
        optimizer: of the engine; under half precision its gradients are scaled back first.
    """

    def __init__(self, network: nn.Module, max_norm: float, optimizer: torch.optim.Optimizer) -> None:
        self.network = network
        self.max_norm = max_norm
        self.optimizer = optimizer

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        scaler = getattr(engine, "scaler", None)  # only with automatic mixed precision
        if scaler is not None:
            scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.max_norm)
