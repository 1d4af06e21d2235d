"""Whether an exported form answers as the network it came from."""

from collections.abc import Callable

import torch

from scripts.errors import UserError

__all__ = ["allowed_difference", "largest_difference"]


def largest_difference(
    eager: Callable[[torch.Tensor], torch.Tensor],
    exported: Callable[[torch.Tensor], torch.Tensor],
    grids: torch.Tensor,
) -> float:
    """Return the largest absolute difference of two networks' logits, scan by scan and for all scans at once.

    Args:
        eager: maps grids to logits.
        exported: the same network in another form.
        grids: ``(N, 1, R, A, S)``.

    Raises:
        UserError: the answers have different shapes or are no numbers.
    """
    worst = 0.0
    with torch.inference_mode():
        for batch in (*grids.split(1), grids):
            ours, theirs = eager(batch), exported(batch)
            if ours.shape != theirs.shape or not torch.isfinite(theirs).all():
                raise UserError(f"the export answers {theirs.tolist()}, the network {ours.tolist()}")
            worst = max(worst, float((ours - theirs).abs().max()))
    return worst


def allowed_difference(logits: torch.Tensor, tolerance: float) -> float:
    """Return what logits may differ by: the tolerance, times the largest logit where that is above 1."""
    return tolerance * max(1.0, float(logits.abs().max()))
