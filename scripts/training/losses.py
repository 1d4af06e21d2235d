"""What is minimised."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import cross_entropy

__all__ = ["LossTerms", "MultiTaskLoss"]

NEGATIVE = 0


class LossTerms(NamedTuple):
    """The three summands of Eq. 7, each a scalar."""

    detection: torch.Tensor
    pneumonia_type: torch.Tensor
    combined: torch.Tensor


class MultiTaskLoss(nn.Module):
    r"""Sum of the cross-entropies of detection, type and all classes.

    Wang et al., IEEE TMI 39(8), 2020, Eq. 7, with a mini-batch of M scans, of which
    :math:`M_{cls}` are not of class 0, the negative one:

    .. math::

        L = \tfrac{1}{M} \sum_M L_{det} + \tfrac{1}{M_{cls}} \sum_{M_{cls}} L_{type}
          + \tfrac{1}{M} \sum_M L_{combined}

    Detection asks for class 0 (0) or any other (1); of the paper's classes, for no pneumonia or pneumonia.
    Type tells the other classes apart, class 1 being its 0, and looks at their scans only: a batch without
    any contributes 0. A network with one output, or a multi-task one in eval mode, is held to the third term
    alone.

    Args:
        label_smoothing: of each cross-entropy: the share of the target that is spread over all its classes
            (Szegedy et al., CVPR 2016, section 7); 0 in the paper.

    Shape:
        - prediction: named tuple of logits ``detection (B, 2)``, ``pneumonia_type (B, C - 1)`` and
          ``combined (B, C)``; or one tensor ``(B, C)``
        - label: ``(B,)`` integers from 0 to C - 1
        - output: scalar

    Example:
        >>> MultiTaskLoss()(torch.zeros(4, 3), torch.tensor([0, 1, 2, 2]))  # log 3
        tensor(1.0986)
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def terms(self, prediction: tuple[torch.Tensor, ...], label: torch.Tensor) -> LossTerms:
        """Return the three summands for a named tuple of logits."""
        detection, pneumonia_type, combined = prediction
        ill = label != NEGATIVE
        type_sum = self._cross_entropy(pneumonia_type[ill], label[ill] - 1, reduction="sum")
        return LossTerms(
            detection=self._cross_entropy(detection, ill.long()),
            pneumonia_type=type_sum / ill.sum().clamp(min=1),
            combined=self._cross_entropy(combined, label),
        )

    def forward(
        self, prediction: torch.Tensor | tuple[torch.Tensor, ...], label: torch.Tensor
    ) -> torch.Tensor:
        if isinstance(prediction, torch.Tensor):
            return self._cross_entropy(prediction, label)
        return torch.stack(self.terms(prediction, label)).sum()

    def _cross_entropy(
        self, logits: torch.Tensor, label: torch.Tensor, reduction: str = "mean"
    ) -> torch.Tensor:
        return cross_entropy(logits, label, reduction=reduction, label_smoothing=self.label_smoothing)
