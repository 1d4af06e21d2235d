"""Several networks that answer as one."""

import copy

import torch
from torch import nn

from scripts.errors import UserError

__all__ = ["Ensemble", "mean_log_probability"]


class Ensemble(nn.Module):
    """Average the probabilities of several networks of one kind.

    The mean comes back as its logarithm: the softmax that follows in the configs turns it into the mean.

    Args:
        network: copied for each member; the members share no weight.
        count: of members.

    Raises:
        UserError: there are none.

    Shape: ``(B, 1, R, A, S)`` to ``(B, classes)``.

    Example:
        >>> pair = Ensemble(nn.Sequential(nn.Flatten(), nn.Linear(8, 3)), count=2)
        >>> pair(torch.rand(5, 1, 2, 2, 2)).exp().sum(dim=1).allclose(torch.ones(5))
        True
    """

    def __init__(self, network: nn.Module, count: int) -> None:
        super().__init__()
        if count < 1:
            raise UserError(
                f"an ensemble of {count} networks: name the checkpoints with --ckpt_paths \"['a.pt','b.pt']\""
            )
        self.members = nn.ModuleList(copy.deepcopy(network) for _ in range(count))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return mean_log_probability(torch.stack([member(x) for member in self.members]))


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
