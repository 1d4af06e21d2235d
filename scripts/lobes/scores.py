"""Dice and surface distance of each lobe over the scans that select the checkpoint."""

from collections.abc import Sequence

import numpy as np
import torch
from ignite.engine import Events
from monai.data import MetaTensor
from monai.engines import Workflow
from monai.metrics import DiceMetric, SurfaceDistanceMetric

from .labels import LOBES

__all__ = ["LobeScores"]


class LobeScores:
    """Write means over scans and lobes, and each lobe's, into ``engine.state.metrics``.

    ``dice``, ``dice_left_upper`` and so on; ``surface_distance`` and so on, the average symmetric distance in
    mm. A lobe that a scan's truth lacks does not count; where only the answer lacks it, its Dice is 0 and it
    has no distance. By MONAI's DiceMetric and SurfaceDistanceMetric.

    The engine's output has ``pred`` and ``label``, one-hot ``(6, R, A, S)``, and its batch ``image`` with the
    grid's affine. Attach it before the handlers that print or log metrics.
    """

    def __init__(self) -> None:
        self.dice = DiceMetric(include_background=False, reduction="mean_batch")
        self.distance = SurfaceDistanceMetric(
            include_background=False, symmetric=True, reduction="mean_batch"
        )

    def attach(self, engine: Workflow) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self.reset)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add_batch)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.compute)

    def reset(self) -> None:
        self.dice.reset()
        self.distance.reset()

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
        pair = [part.as_subclass(torch.Tensor).cpu()[None] for part in (answer, truth)]
        self.dice(*pair)
        both = pair[0].any(dim=(2, 3, 4)) & pair[1].any(dim=(2, 3, 4))  # no distance without two surfaces
        shown = [part * both[:, :, None, None, None] for part in pair]
        self.distance(*shown, spacing=list(spacing))

    def compute(self, engine: Workflow) -> None:
        engine.state.metrics |= self.result()

    def result(self) -> dict[str, float]:
        """Return the means since the last reset."""
        result = {}
        for name, metric in (("dice", self.dice), ("surface_distance", self.distance)):
            values = metric.aggregate()
            result[name] = float(values[torch.isfinite(values)].mean())
            named = zip(LOBES, values.tolist(), strict=True)
            result |= {f"{name}_{lobe.replace(' ', '_')}": value for lobe, value in named}
        return result


def _spacing(image: MetaTensor) -> list[float]:
    return np.linalg.norm(np.asarray(image.affine)[:3, :3], axis=0).tolist()
