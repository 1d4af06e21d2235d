"""The sanity check: a map that survives random weights does not explain the network."""

import copy

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

__all__ = ["map_correlation", "randomised"]


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Return a copy of a network, all of whose layers have forgotten what they learnt.

    The model-parameter randomisation test of Adebayo et al., NeurIPS 2018, all layers at once: each layer
    draws its weights as torch does for a new one, and batch normalisation forgets its statistics.

    Args:
        network: left as it is.
        seed: of the new weights; the caller's random state is untouched.
    """
    copied = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in copied.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return copied


def map_correlation(first: torch.Tensor, second: torch.Tensor) -> float:
    """Return Spearman's rank correlation of two maps, -1 to 1; 0 where one of them is constant.

    Args:
        first: any shape.
        second: the same shape.

    >>> map_correlation(torch.tensor([0.0, 1.0, 9.0]), torch.tensor([3.0, 2.0, 1.0]))
    -1.0
    """
    if first.min() == first.max() or second.min() == second.max():
        return 0.0
    statistic = spearmanr(first.flatten().numpy(), second.flatten().numpy()).statistic
    return float(np.round(statistic, 6))
