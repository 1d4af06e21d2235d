"""What every way to explain an answer looks like from outside."""

from typing import Protocol

import torch
from torch import nn

__all__ = ["HeatMapMethod"]


class HeatMapMethod(Protocol):
    """Say which places of each scan spoke for a class.

    Attributes:
        name: of the method, for outputs.
        network: that is explained.

    Shape: a batch of grids ``(B, 1, R, A, S)`` and the class to explain for each, ``(B,)``, to heat maps on
        the same grids, ``(B, R, A, S)``: float32, 0 or more, in the method's own unit. A scan's map does not
        depend on the rest of its batch, and the network is left as it was: weights, mode, hooks.
    """

    name: str

    @property
    def network(self) -> nn.Module: ...

    def __call__(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor: ...
