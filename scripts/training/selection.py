"""Metrics that select a checkpoint; ignite's ``EpochMetric`` collects what they need."""

import math

import numpy as np
import torch
from ignite.metrics import EpochMetric

from scripts.processes import gather
from scripts.statistics import ranking_areas

__all__ = ["GatheredEpochMetric", "log_likelihood", "macro_auc"]


class GatheredEpochMetric(EpochMetric):
    """An ``EpochMetric`` of the scans of all processes, however many each of them holds.

    ignite's own gathers tensors, which must then be of one shape in all processes.
    """

    def compute(self) -> float:
        shares = gather((torch.cat(self._predictions), torch.cat(self._targets)))
        predictions, targets = (torch.cat(parts) for parts in zip(*shares, strict=True))
        return self.compute_fn(predictions, targets)


def log_likelihood(probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the mean log-probability of the true class: minus the cross-entropy, so higher is better.

    Args:
        probabilities: ``(N, C)``.
        labels: ``(N,)`` class indices.

    Example:
        >>> round(log_likelihood(torch.tensor([[0.5, 0.5]]), torch.tensor([1])), 4)
        -0.6931
    """
    chosen = probabilities.gather(1, labels[:, None]).clamp(min=torch.finfo(torch.float32).tiny)
    return math.fsum(chosen.log().flatten().tolist()) / len(chosen)  # exact, so in any order of the scans


def macro_auc(probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the mean one-vs-rest area under the ROC curve of the classes, NaN where one is absent.

    Args:
        probabilities: ``(N, C)``.
        labels: ``(N,)`` class indices.

    Example:
        >>> macro_auc(torch.eye(3), torch.arange(3))
        1.0
    """
    classes = range(probabilities.shape[1])
    if set(labels.tolist()) != set(classes):
        return float("nan")
    scores, truth = probabilities.double().cpu().numpy(), labels.cpu().numpy()
    once = np.ones((1, len(truth)))
    return float(np.mean([ranking_areas(scores[:, index], truth == index, once)[0] for index in classes]))
