"""Several networks, or several views of a scan, that answer as one."""

from collections.abc import Callable, Sequence
from itertools import chain, combinations
from typing import Any

import torch
from monai.inferers import Inferer
from torch import nn

from scripts.errors import UserError

__all__ = ["Ensemble", "FlipInferer", "mean_log_probability"]


class Ensemble(nn.Module):
    """Average the probabilities of several networks, each on a grid of its own or on one that they share.

    The mean comes back as its logarithm: the softmax that follows in the configs turns it into the mean.

    Args:
        members: the networks; with the same classes.
        grids: for each member, which of the inputs it sees; None: all see the first.

    Raises:
        UserError: there are none.

    Shape: one or several grids ``(B, 1, R, A, S)`` to ``(B, classes)``.

    Example:
        >>> pair = Ensemble([nn.Sequential(nn.Flatten(), nn.Linear(8, 3)) for _ in range(2)])
        >>> pair(torch.rand(5, 1, 2, 2, 2)).exp().sum(dim=1).allclose(torch.ones(5))
        True
    """

    def __init__(self, members: Sequence[nn.Module], grids: Sequence[int] | None = None) -> None:
        super().__init__()
        if not members:
            raise UserError("an ensemble of no networks: name its checkpoints, \"['a.pt','b.pt']\"")
        self.members = nn.ModuleList(members)
        self.grids = [0] * len(members) if grids is None else list(grids)

    def forward(self, *x: torch.Tensor) -> torch.Tensor:
        logits = [member(x[grid]) for member, grid in zip(self.members, self.grids, strict=True)]
        return mean_log_probability(torch.stack(logits))

    def on_grid(self, grid: int) -> nn.Module:
        """Return the members that see a grid as one network: the only one itself, or their ensemble."""
        chosen = [member for member, own in zip(self.members, self.grids, strict=True) if own == grid]
        return chosen[0] if len(chosen) == 1 else Ensemble(chosen).eval()


def mean_log_probability(logits: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the mean of several answers' probabilities.

    Args:
        logits: ``(N, B, classes)`` of N networks, or of N views of the scans.

    Shape: ``(N, B, classes)`` to ``(B, classes)``, in float32.

    Example:
        >>> mean_log_probability(torch.tensor([[[100.0, 0.0]], [[0.0, 100.0]]])).exp()
        tensor([[0.5000, 0.5000]])
    """
    log_probabilities = logits.float().log_softmax(dim=2)
    return log_probabilities.logsumexp(dim=0) - torch.log(torch.tensor(float(logits.shape[0])))


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
