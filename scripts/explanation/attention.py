"""What the networks' own attention points at, whatever the class."""

import re

import torch
from torch import nn

from scripts.errors import UserError
from scripts.networks import SpatialAttention, attention_maps, depth_gates

from .feature_maps import spread

__all__ = ["AttentionMap", "slice_curve"]


class AttentionMap:
    """PARL's attention S(O) in one group of units: the mean over its channels and units.

    In units of an even distribution: 1 everywhere is attention to nothing in particular. S(O) does not know
    the class, so that the map is the same for every class.

    Args:
        network: one that attends: SA-66, SA-66-M or PA-66-M.
        group: of units, counted from 1; group 1 is the finest, half the grid along each axis.

    Raises:
        UserError: the network has no attention in that group.
    """

    def __init__(self, network: nn.Module, group: int = 1) -> None:
        known = attending_groups(network)
        if group not in known:
            raise UserError(
                f"AttentionMap: {type(network).__name__} has no attention in group {group}; "
                f"it attends in {known or 'none: set `explain_with` to another method'}"
            )
        self.network = network
        self.group = group
        self.name = f"attention_group_{group}"

    def __call__(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        maps = attention_maps(self.network, x)
        units = [seen for name, seen in maps.items() if f"group_{self.group}_unit" in name]
        even = [seen.mean(dim=(1, 2, 3, 4), keepdim=True) for seen in units]  # 1 / positions; rescaled, 1
        relative = [(seen / mean).mean(dim=1) for seen, mean in zip(units, even, strict=True)]
        return spread(torch.stack(relative).mean(dim=0), x.shape[2:])


def attending_groups(network: nn.Module) -> list[int]:
    """Return the groups, counted from 1, whose units have PARL's attention."""
    names = [name for name, module in network.named_modules() if isinstance(module, SpatialAttention)]
    return sorted({int(found[1]) for name in names if (found := re.search(r"group_(\d+)_unit", name))})


def slice_curve(network: nn.Module, x: torch.Tensor) -> torch.Tensor | None:
    """Return how open the gates of depth attention (Shi et al., Eq. 2) are for each slice of the grid.

    The mean over the channels of a block, its slices put where they came from, and the mean over all blocks.
    A curve that hardly varies says that the network does not choose between slices.

    Args:
        network: one with depth attention.
        x: a batch of grids ``(B, 1, R, A, S)``.

    Returns:
        ``(B, S)``, 0 to 1; or None where the network has no depth attention.
    """
    gates = depth_gates(network, x)
    curves = [spread(seen.mean(dim=1)[:, None, None], (1, 1, x.shape[4]))[:, 0, 0] for seen in gates.values()]
    return torch.stack(curves).mean(dim=0) if curves else None
