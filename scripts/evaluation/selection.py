"""Figures that choose a checkpoint; ignite's ``EpochMetric`` gathers what they need."""

import torch
from sklearn.metrics import roc_auc_score

__all__ = ["log_likelihood", "macro_auc"]


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
    return float(chosen.log().mean())


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
    areas = [roc_auc_score((labels == index).cpu(), probabilities[:, index].cpu()) for index in classes]
    return float(sum(areas) / len(areas))
