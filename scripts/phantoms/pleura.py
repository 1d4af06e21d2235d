"""What lies between the lungs and the chest wall where it should not: fluid, free air, or no lung at all."""

from dataclasses import dataclass, replace

import numpy as np

from .anatomy import Chest
from .geometry import FAR
from .lungs import Lungs

__all__ = ["Pleura", "fill_pleura"]

VISCERAL = 0.8  # mm, the skin of a lung that free air surrounds
FLUID_BASE, FLUID_RISE = -140.0, 0.16  # mm: where a fluid's depth is measured, and how it thins upwards
BACK = -84.0  # mm: the cage's back at the lungs' bases


@dataclass(frozen=True)
class Pleura:
    """The lungs that are left, and fields ``(S, A, R)`` in mm of ``fluid`` and free ``air`` around them."""

    lungs: Lungs
    fluid: np.ndarray
    air: np.ndarray


def fill_pleura(chest: Chest, lungs: Lungs) -> Pleura:
    """Let fluid sink behind the lungs, let free air rise before one, or take a lung away.

    Args:
        chest: with the patient's variation; he lies on the back.
        lungs: as they would fill the cage.
    """
    variation = chest.patient.variation
    fluid, air = (np.full(chest.frame.shape, FAR, np.float32) for _ in range(2))
    left_depth, right_depth = variation.effusion
    for side, depth in ((-1, left_depth), (1, right_depth)):
        if depth:
            level = BACK + depth - FLUID_RISE * np.maximum(chest.frame.up - FLUID_BASE, 0)
            surface = np.where(lungs.side * side > 0, level - chest.frame.front, -FAR).astype(np.float32)
            fluid = np.minimum(fluid, np.maximum(lungs.surface, -surface))
            lungs = _kept(lungs, surface)
    if variation.pneumothorax:
        side, depth = variation.pneumothorax
        retreat = depth * np.clip((chest.depth + 0.4) / 1.4, 0, 1)  # most in front
        surface = np.where(lungs.side * side > 0, lungs.costal + retreat, -FAR).astype(np.float32)
        air = np.maximum(lungs.surface, np.float32(VISCERAL) - surface)
        lungs = _kept(lungs, surface)
    if variation.missing_lung:
        surface = variation.missing_lung * lungs.side + 2
        fluid = np.minimum(fluid, np.maximum(lungs.surface, 2 - surface))
        lungs = _kept(lungs, surface)
    return Pleura(lungs, fluid, air)


def _kept(lungs: Lungs, surface: np.ndarray) -> Lungs:
    """Return the lungs without what lies outside another surface."""
    return replace(
        lungs, surface=np.maximum(lungs.surface, surface), costal=np.maximum(lungs.costal, surface)
    )
