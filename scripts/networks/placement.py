"""A network on its device, in the memory layout that is fast there."""

import torch
from torch import nn

__all__ = ["place_network"]


def place_network(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network to a device; on a GPU also lay it out channels-last and let matrix units use TF32.

    Args:
        network: moved in place.
        device: where it will run.

    Returns:
        The same network.
    """
    if device.type != "cuda":
        return network.to(device)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    return network.to(device).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
