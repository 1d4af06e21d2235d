"""Heart, great vessels, oesophagus, trachea and main bronchi."""

from dataclasses import dataclass

import numpy as np

from .anatomy import Chest
from .geometry import FAR, ball, smooth_minimum, tube

__all__ = ["HILA", "Mediastinum", "draw_mediastinum"]

HILA = {"left": (-40.0, -16.0, -8.0), "right": (38.0, -16.0, -14.0)}  # where lung vessels and airways enter

Vessel = tuple[list[tuple[float, float, float]], float]  # chain of (right, front, up) and radius, mm

AORTA = [(8, 18, -28), (12, 22, 14), (6, 14, 34), (-8, -8, 40), (-20, -34, 30), (-22, -44, 8)]
DESCENDING = [(-22, -44, 8), (-21, -45, -60), (-12, -44, -130), (-4, -42, -260)]
VEINS: list[Vessel] = [
    ([(25, 14, 34), (23, 12, -28)], 9),
    ([(25, 14, 34), (34, 6, 62), (36, -8, 110)], 7),
    ([(25, 14, 34), (0, 26, 50), (-28, 16, 64), (-38, -6, 110)], 6.5),
]
ARTERIES: list[Vessel] = [
    ([(6, 14, 36), (14, 2, 70), (24, -12, 120)], 6),
    ([(-3, 0, 40), (-12, -6, 75), (-22, -14, 125)], 4.5),
    ([(-12, -14, 40), (-24, -22, 75), (-45, -20, 96)], 5),
    ([(-14, 26, -34), (-18, 20, -12), (-18, 6, 4)], 13),  # pulmonary trunk
    ([(-16, 6, 2), (8, -4, -4), HILA["right"]], 10),
    ([(-18, 6, 4), (-28, -10, 6), HILA["left"]], 10),
    ([(0, -14, -34), (34, -22, -36)], 8),  # inferior pulmonary veins
    ([(-10, -14, -34), (-40, -22, -34)], 8),
]
OESOPHAGUS = [(-2, -32, 130), (-4, -38, 40), (-3, -38, -40), (-14, -30, -110), (-26, -20, -125)]
OESOPHAGUS_WALL = 3.0  # mm, where air distends it
AIRWAYS: list[Vessel] = [
    ([(0, -14, 150), (1, -20, 70), (2, -22, 2)], 8.5),
    ([(2, -22, 2), (24, -22, -12), (36, -24, -26)], 6.5),
    ([(2, -22, 2), (-22, -23, -14), (-42, -24, -24)], 6.0),
]


@dataclass(frozen=True)
class Mediastinum:
    """Fields ``(S, A, R)`` in mm: the whole ``bed``, and within it ``blood``, ``other``, ``air`` and ``gas``.

    ``air`` is that of airways and oesophagus, ``gas`` that of a stomach that has slid up into the chest.
    """

    bed: np.ndarray
    blood: np.ndarray
    other: np.ndarray
    air: np.ndarray
    gas: np.ndarray


def draw_mediastinum(chest: Chest) -> Mediastinum:
    """Draw what lies between the lungs; ``bed`` is what they have to leave free."""
    blood, other, air = (np.full(chest.frame.shape, FAR, np.float32) for _ in range(3))
    heart = np.full(chest.frame.shape, FAR, np.float32)
    _draw_heart(heart, chest)
    blood = np.minimum(blood, heart)
    tube(blood, chest.frame, AORTA, 14.5, 3)
    tube(blood, chest.frame, DESCENDING, 11.5, 2)
    for chain, radius in VEINS + ARTERIES:
        tube(blood, chest.frame, chain, radius, 2)
    tube(other, chest.frame, OESOPHAGUS, 7)
    for chain, radius in AIRWAYS:
        tube(air, chest.frame, chain, radius)
        tube(other, chest.frame, chain, radius + 1.5)
    _draw_oesophageal_air(air, other, chest)
    gas = _draw_hernia(other, chest)
    organs = np.minimum(blood, other)
    bed = smooth_minimum(smooth_minimum(organs - 1.5, _septum(chest), 12), heart - 5, 10)
    spine = np.hypot(chest.frame.right * 0.9, chest.spine) - 21
    return Mediastinum(smooth_minimum(bed, spine, 10), blood, other, air, gas)


def _draw_oesophageal_air(air: np.ndarray, other: np.ndarray, chest: Chest) -> None:
    """Fill a part of the oesophagus, widened where it must be, with air; in place."""
    variation = chest.patient.variation
    if not variation.oesophageal_air:
        return
    random = np.random.default_rng(variation.acute_seed)
    first = int(random.integers(len(OESOPHAGUS) - 1))
    part = OESOPHAGUS[first : first + int(random.integers(2, len(OESOPHAGUS)))]
    tube(air, chest.frame, part, variation.oesophageal_air)
    tube(other, chest.frame, part, max(7, variation.oesophageal_air + OESOPHAGUS_WALL))


def _draw_hernia(other: np.ndarray, chest: Chest) -> np.ndarray:
    """Join a hiatal hernia behind the heart to the organs, in place, and return the field of its gas."""
    variation = chest.patient.variation
    gas = np.full(chest.frame.shape, FAR, np.float32)
    if variation.hernia:
        across, fill = np.random.default_rng(variation.chronic_seed).uniform((-18, -0.6), (6, 0.6))
        radius = variation.hernia
        centre = np.array([across, -30, -98 + 0.6 * chest.patient.dome_height + 0.4 * radius])
        shape = np.array([1.0, 0.75, 1.0])
        ball(other, chest.frame, centre, radius * shape, 2)
        ball(gas, chest.frame, centre, (radius - variation.wall) * shape)
        gas = np.maximum(gas, centre[1] + 0.75 * radius * fill - chest.frame.front)
    return gas


def _draw_heart(field: np.ndarray, chest: Chest) -> None:
    """Right atrium, right ventricle, left ventricle and left atrium, resting on the diaphragm."""
    size = chest.patient.heart
    drop = 0.6 * chest.patient.dome_height
    for centre, radii in (
        ((14, 10, -56), (28, 34, 40)),
        ((-10, 34, -66), (44, 30, 40)),
        ((-36, 12, -72), (46, 42, 42)),
        ((0, -14, -40), (30, 22, 26)),
    ):
        middle = (centre[0] * size, centre[1], centre[2] + drop)
        ball(field, chest.frame, middle, [size * r for r in radii], 10)


def _septum(chest: Chest) -> np.ndarray:
    """The sheet from spine to breastbone that keeps the lungs apart, thin where they nearly meet in front."""
    up = chest.frame.up
    inlet = np.clip((up - 25) / 60, 0, 1)
    back = np.clip(0.6 - chest.depth, 0, 1)
    below = np.clip((-up - 60) / 40, 0, 1)
    half_width = 3 + 17 * back + 16 * inlet + 12 * below * np.clip(chest.depth + 0.5, 0, 1)
    return np.abs(chest.frame.right + 2) - half_width
