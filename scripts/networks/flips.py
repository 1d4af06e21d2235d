"""Test-time augmentation by flips."""

from collections.abc import Callable, Sequence
from itertools import chain, combinations
from typing import Any

import torch
from monai.inferers import Inferer

from .ensemble import mean_log_probability

__all__ = ["FlipInferer"]


class FlipInferer(Inferer):
    """Average a classifier's probabilities over every combination of flips of some axes.

    The mean comes back as its logarithm: the softmax that follows in the configs turns it into the mean.

    Args:
        axes: of ``(B, C, R, A, S)`` that may be flipped; n axes make 2 to the n passes of the network.

    Further arguments of a call are grids of the same scans, for an ensemble; they are flipped alike.

    Shape: ``(B, C, R, A, S)`` to ``(B, classes)``.

    Example:
        >>> right_side = lambda x: torch.stack([x[:, 0, 0, 0, 0], x[:, 0, 1, 0, 0]], dim=1)
        >>> FlipInferer(axes=[2])(torch.tensor([8.0, 0.0]).reshape(1, 1, 2, 1, 1), right_side).exp()
        tensor([[0.5000, 0.5000]])
    """

    def __init__(self, axes: Sequence[int] = (2, 3, 4)) -> None:
        super().__init__()
        self.flips = list(chain.from_iterable(combinations(axes, count) for count in range(len(axes) + 1)))

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        logits = [
            network(inputs.flip(axes), *(grid.flip(axes) for grid in args), **kwargs) for axes in self.flips
        ]
        return mean_log_probability(torch.stack(logits))
