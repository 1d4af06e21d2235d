"""How a step is made beyond the optimiser's own settings: its parameters, its gradients, its precision."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.engines import IterationEvents, Workflow
from monai.inferers import SimpleInferer
from torch import nn
from torch.overrides import TorchFunctionMode

__all__ = ["ClipGradients", "TrainingInferer", "parameter_groups"]

SMALL = 64  # voxels of a map


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


class TrainingInferer(SimpleInferer):
    """One pass of the network; with mixed precision on a CPU, in bfloat16.

    MONAI's trainer knows mixed precision on a GPU alone. Weights, loss and optimiser stay in single precision
    here too, and so do convolutions of maps of up to :data:`SMALL` voxels: PyTorch 2.13 now and then gives
    such weights, in bfloat16 on a CPU, gradients that are no numbers.

    Args:
        amp: whether the run asks for mixed precision.
        device: of the network.
    """

    def __init__(self, amp: bool, device: str | torch.device) -> None:
        super().__init__()
        self.bfloat16 = amp and torch.device(device).type == "cpu"

    def __call__(self, inputs: torch.Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.bfloat16:
            return super().__call__(inputs, network, *args, **kwargs)
        with torch.autocast("cpu", torch.bfloat16), _SmallMapsInSinglePrecision():
            outputs = super().__call__(inputs, network, *args, **kwargs)
        if isinstance(outputs, torch.Tensor):
            return outputs.float()
        return type(outputs)(*(output.float() for output in outputs))  # a named tuple of logits


class _SmallMapsInSinglePrecision(TorchFunctionMode):
    """Leave autocasting out for convolutions of small maps."""

    def __torch_function__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if function is torch.conv3d and args[0].shape[2:].numel() <= SMALL:
            with torch.autocast("cpu", enabled=False):
                return function(args[0].float(), *args[1:], **(kwargs or {}))
        return function(*args, **(kwargs or {}))
