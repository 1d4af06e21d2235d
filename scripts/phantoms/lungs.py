"""The lungs' surface, the fissures that part them into five lobes, and what the pleura can hold."""

from dataclasses import dataclass, replace

import numpy as np

from .anatomy import Chest
from .geometry import FAR, ball, smooth_noise
from .organs import Mediastinum

__all__ = [
    "BACKGROUND",
    "LEFT_LOWER",
    "LEFT_UPPER",
    "RIGHT_LOWER",
    "RIGHT_MIDDLE",
    "RIGHT_UPPER",
    "Lungs",
    "Pleura",
    "draw_air_spaces",
    "draw_lungs",
    "fill_pleura",
    "lobe_labels",
]

BACKGROUND, LEFT_UPPER, LEFT_LOWER, RIGHT_UPPER, RIGHT_MIDDLE, RIGHT_LOWER = range(6)


@dataclass(frozen=True)
class Lungs:
    """Fields of shape ``(S, A, R)`` in mm.

    ``surface`` is negative inside the lungs, ``costal`` the same but for the side towards the
    mediastinum (so -costal is the depth under ribs and diaphragm), ``oblique`` is positive above the
    oblique fissures, ``horizontal`` above the right lung's horizontal one, and ``side`` on the patient's
    right.
    """

    surface: np.ndarray
    costal: np.ndarray
    oblique: np.ndarray
    horizontal: np.ndarray
    side: np.ndarray


def draw_lungs(chest: Chest, mediastinum: Mediastinum, random: np.random.Generator) -> Lungs:
    """Fill the cage above the diaphragm and beside the mediastinum with lung, and lay the fissures."""
    costal = np.maximum(chest.cage + 1.5, -chest.diaphragm)
    apex = chest.frame.up - 106 + np.hypot(np.abs(chest.frame.right) - 40, chest.frame.front + 28) ** 2 / 90
    costal = np.maximum(costal, np.minimum(apex, chest.cage + 14) * 0.7)
    surface = np.maximum(costal, -mediastinum.bed)
    oblique, horizontal = _fissures(chest, random)
    return Lungs(surface, costal, oblique, horizontal, chest.frame.right + 2)


def _fissures(chest: Chest, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Oblique: from the fourth vertebra behind to the diaphragm in front; horizontal: at mid-lung."""
    frame, patient = chest.frame, chest.patient
    right = frame.right
    bend = patient.fissure_bend
    waves = np.float32(0.4 * bend) * smooth_noise(random, frame.axes, 160)
    left = right < -2
    (left_height, right_height), (left_slope, right_slope) = patient.oblique_height, patient.oblique_slope
    slope = np.where(left, np.float32(left_slope), np.float32(right_slope))
    height = np.where(left, np.float32(left_height - 27), np.float32(right_height - 33))
    outward = (np.abs(right) - 70) / 60
    oblique = height - slope * frame.front + bend * (0.5 - (frame.front / 60) ** 2 * 0.5) - 8 * outward**2
    horizontal = patient.horizontal_height - 25 - 0.12 * (frame.front - 20) + bend * (0.5 - outward**2)
    return (
        (frame.up - oblique - waves) / np.hypot(1, slope),
        frame.up - horizontal + 0.8 * waves,
    )


def draw_air_spaces(chest: Chest, lungs: Lungs) -> dict[str, np.ndarray]:
    """Return the fields of ``emphysema`` and of ``bullae``, ``(S, A, R)`` in mm, where there are any.

    Emphysema lies in spots that crowd towards the lungs' tops, bullae under the pleura of the upper lungs.
    """
    frame, variation = chest.frame, chest.patient.variation
    random = np.random.default_rng(variation.chronic_seed)
    found = {}
    if variation.emphysema:
        spots = -6 * smooth_noise(random, frame.axes, 24) - np.clip(frame.up / 12, -8, 8)
        upper = (lungs.surface < 0) & (frame.up > -20)
        limit = np.quantile(spots[upper], variation.emphysema) if upper.any() else -FAR
        found["emphysema"] = (spots - limit).astype(np.float32)
    if variation.bullae:
        under = np.argwhere(
            (lungs.costal < -4) & (lungs.costal > -16) & (lungs.surface < -4) & (frame.up > 0)
        )
        bullae = np.full(frame.shape, FAR, np.float32)
        for radius in variation.bullae if len(under) else ():
            place = under[int(random.random() * len(under))]
            centre = [axis[k] for axis, k in zip(frame.axes, place, strict=True)][::-1]
            ball(bullae, frame, centre, radius * random.uniform(0.8, 1.2, 3))
        found["bullae"] = bullae
    return found


def lobe_labels(
    inside: np.ndarray, left: np.ndarray, oblique: np.ndarray, horizontal: np.ndarray
) -> np.ndarray:
    """Name the lobe of each voxel.

    Args:
        inside: true in the lungs.
        left: true on the patient's left, broadcastable to ``inside``.
        oblique: positive above the oblique fissure.
        horizontal: positive above the horizontal fissure.

    Returns:
        0 background, 1 left upper, 2 left lower, 3 right upper, 4 right middle, 5 right lower; uint8.
    """
    above = oblique > 0
    upper, middle, lower = np.uint8(RIGHT_UPPER), np.uint8(RIGHT_MIDDLE), np.uint8(RIGHT_LOWER)
    right_lobes = np.where(above, np.where(horizontal > 0, upper, middle), lower)
    left_lobes = np.where(above, np.uint8(LEFT_UPPER), np.uint8(LEFT_LOWER))
    return np.where(left, left_lobes, right_lobes) * inside


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
