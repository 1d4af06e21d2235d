"""Look inside a network while it answers."""

from collections.abc import Callable
from functools import partial

import torch
from monai.networks.utils import eval_mode
from torch import nn

from .dual_attention import DepthAttention, VideoResNet
from .prior_attention import MultiTaskNetwork, SingleTaskNetwork
from .residual_units import SpatialAttention

__all__ = ["attention_maps", "depth_gates", "scan_features"]

STAGES = {
    MultiTaskNetwork: [
        f"stages.transition_{stage}.{branch}"
        for stage in range(1, 5)
        for branch in ("detection", "pneumonia_type")
    ],
    SingleTaskNetwork: [f"features.transition_{stage}" for stage in range(1, 5)],
    VideoResNet: [f"features.layer{stage}" for stage in range(1, 5)],
}


def attention_maps(network: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the attention map S(O) of every unit of a PARL network that attends.

    One plain forward pass in eval mode, without gradients; the network is left as it was.

    Args:
        network: e.g. :func:`scripts.networks.pa_66_m`.
        x: a batch of grids, ``(B, 1, R, A, S)``.

    Returns:
        from the name of each :class:`SpatialAttention`, in forward order, to its map, float32,
        ``(B, C, R / 2, A / 2, S / 2)`` in group 1 and half of that in each group after it, rounded up.
        Empty where nothing attends.

    >>> from scripts.networks import pa_66_m
    >>> network = pa_66_m(spatial_shape=(48, 40, 32))
    >>> attention_maps(network, torch.rand(1, 1, 48, 40, 32))["stages.group_4_unit_2.attention"].shape
    torch.Size([1, 128, 3, 3, 2])
    """
    return _observe(network, x, SpatialAttention, lambda module, inputs: module.attention_map(inputs[0]))


def depth_gates(network: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the weight that every depth attention gives to each slice.

    One plain forward pass in eval mode, without gradients; the network is left as it was.

    Args:
        network: e.g. :func:`scripts.networks.da_ca_resnet18`.
        x: a batch of grids, ``(B, 1, R, A, S)``.

    Returns:
        from the name of each :class:`DepthAttention`, in forward order, to its gates, ``(B, C, S)`` in
        layer 1 and half of S in each layer after it, rounded up. Empty where nothing attends.

    >>> from scripts.networks import da_resnet18
    >>> network = da_resnet18(spatial_shape=(64, 48, 16))
    >>> depth_gates(network, torch.rand(1, 1, 64, 48, 16))["features.layer2.0.depth_attention"].shape
    torch.Size([1, 128, 8])
    """
    return _observe(network, x, DepthAttention, lambda module, inputs: module.gates(inputs[0]))


@torch.no_grad()
def scan_features(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return what a network makes of scans, by which one tells whether they resemble those it was trained on.

    For the networks of the two papers: the mean over positions of each channel, after each of the four
    stages. The early stages tell of noise and texture, which the last ones forget. For any other network:
    what its last fully connected layer is given, which for a probe is the encoder's features.

    One plain forward pass in eval mode; the network is left as it was.

    Args:
        network: a classifier.
        x: a batch of grids, ``(B, 1, R, A, S)``.

    Returns:
        float32, ``(B, C)``.

    Raises:
        ValueError: the network has no fully connected layer.
    """
    seen: list[torch.Tensor] = []
    stages = next((names for kind, names in STAGES.items() if isinstance(network, kind)), [])
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output: seen.append(output.flatten(2).mean(dim=2))
        )
        for name in stages
    ]
    if not stages:
        dense = [module for module in network.modules() if isinstance(module, nn.Linear)]
        if not dense:
            raise ValueError(
                f"{type(network).__name__} has no fully connected layer whose input is its features"
            )
        hooks = [
            dense[-1].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].flatten(1)))
        ]
    try:
        with eval_mode(network):
            network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(seen, dim=1).float()


def _observe(
    network: nn.Module,
    x: torch.Tensor,
    kind: type[nn.Module],
    look: Callable[..., torch.Tensor],
) -> dict[str, torch.Tensor]:
    seen: dict[str, torch.Tensor] = {}

    def note(name: str, module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        seen[name] = look(module, inputs)

    modules = [(name, module) for name, module in network.named_modules() if isinstance(module, kind)]
    if not modules:
        return {}
    hooks = [module.register_forward_pre_hook(partial(note, name)) for name, module in modules]
    try:
        with eval_mode(network):
            network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return seen
