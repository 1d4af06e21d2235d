"""Dice and surface distance of each lobe over many scans."""

from collections.abc import Sequence

import numpy as np
import torch
from ignite.engine import Events
from monai.data import MetaTensor
from monai.engines import Workflow
from monai.metrics import compute_average_surface_distance, compute_dice

from .labels import LOBES

__all__ = ["LobeScores"]


class LobeScores:
    """Write means over scans and lobes, and each lobe's, into ``engine.state.metrics``.

    ``dice``, ``dice_left_upper`` and so on; ``surface_distance`` and so on, the average symmetric distance in
    mm, both as MONAI computes them. A lobe that a scan's truth lacks does not count; where only the answer
    lacks it, its Dice is 0 and it has no distance.

    The engine's output has ``pred`` and ``label``, one-hot ``(6, R, A, S)``, and its batch ``image`` with the
    grid's affine. Attach it before the handlers that print or log metrics.
    """

    def __init__(self) -> None:
        self.reset()

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self.reset)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add_batch)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.compute)

    def reset(self) -> None:
        self.dice: list[torch.Tensor] = []
        self.distance: list[torch.Tensor] = []

    def add_batch(self, engine: Workflow) -> None:
        for item, output in zip(engine.state.batch, engine.state.output, strict=True):
            self.add(output["pred"], output["label"], _spacing(item["image"]))

    def add(self, answer: torch.Tensor, truth: torch.Tensor, spacing: Sequence[float]) -> None:
        """Count one scan.

        Args:
            answer: one-hot, ``(6, R, A, S)``.
            truth: the same.
            spacing: mm along R, A, S.
        """
        found, expected = (part.as_subclass(torch.Tensor).cpu()[None, 1:] > 0 for part in (answer, truth))
        self.dice.append(compute_dice(found, expected, include_background=True)[0])
        both = found.any(dim=(0, 2, 3, 4)) & expected.any(
            dim=(0, 2, 3, 4)
        )  # no distance without two surfaces
        distance = torch.full((len(LOBES),), torch.nan)
        if both.any():
            distance[both] = compute_average_surface_distance(
                found[:, both],
                expected[:, both],
                include_background=True,
                symmetric=True,
                spacing=list(spacing),
            )[0]
        self.distance.append(distance)

    def compute(self, engine: Workflow) -> None:
        engine.state.metrics |= self.result()

    def result(self) -> dict[str, float]:
        """Return the means since the last reset."""
        result = {}
        for name, rows in (("dice", self.dice), ("surface_distance", self.distance)):
            means = torch.stack(rows).nanmean(dim=0)
            result[name] = float(means.nanmean())
            named = zip(LOBES, means.tolist(), strict=True)
            result |= {f"{name}_{lobe.replace(' ', '_')}": mean for lobe, mean in named}
        return result


def _spacing(image: MetaTensor) -> list[float]:
    return np.linalg.norm(np.asarray(image.affine)[:3, :3], axis=0).tolist()
