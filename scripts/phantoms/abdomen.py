"""Liver, spleen, stomach and bowel: what a chest scan sees under the diaphragm."""

import numpy as np

from .anatomy import Chest
from .geometry import FAR, ball, smooth_noise, tube

__all__ = ["draw_abdomen"]


HAUSTRA = 32.0  # mm from one fold of the colon to the next


def draw_abdomen(chest: Chest, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the fields of the solid organs and of the gas in stomach and bowel.

    Args:
        chest: what the organs fill.
        random: the patient's stream.

    Returns:
        Two fields ``(S, A, R)`` in mm. Gas rises to the front, for the patient lies on the back.
    """
    frame = chest.frame
    inside = np.maximum(chest.diaphragm + 3, chest.cage + 5)
    liver, organs, stomach = (np.full(frame.shape, FAR, np.float32) for _ in range(3))
    drop = chest.patient.dome_height
    ball(liver, frame, (52, 4, -176 + drop), (104, 98, 92))
    ball(liver, frame, (-16, 30, -152 + drop), (66, 52, 38), 12)
    ball(organs, frame, (-92, -44, -168 + drop), (36, 46, 50), 2)
    ball(stomach, frame, (-66, 24, -168 + drop), (44, 46, 46))
    for side in (-1, 1):
        ball(organs, frame, (side * 58, -56, -235), (28, 26, 52))
    bowel = smooth_noise(random, frame.axes, 60)
    loops = np.maximum((0.1 - bowel) * 16, frame.up + 190)
    organs = np.minimum(np.minimum(liver, organs), np.minimum(stomach, loops))
    pocket = np.maximum(np.maximum((0.9 - bowel) * 16, frame.up + 190), 6 - np.minimum(liver, stomach))
    level = 20 + 15 * smooth_noise(random, frame.axes, 300)
    gas = np.minimum(np.maximum(stomach + 5, level - frame.front), pocket)
    return np.maximum(organs, inside), np.minimum(np.maximum(gas, inside + 6), _touching_gas(chest))


def _touching_gas(chest: Chest) -> np.ndarray:
    """Return the field of the gas against the diaphragm: only a thin wall parts it from the lung."""
    frame, patient = chest.frame, chest.patient
    variation = patient.variation
    random = np.random.default_rng(variation.acute_seed)
    gas = np.full(frame.shape, FAR, np.float32)
    dome = -98 + patient.dome_height  # of the right; where it lies over the left half varies
    left = dome - patient.dome_difference
    shift = random.uniform(-1, 1, (3, 3))
    if variation.stomach_gas:
        radius = float(np.cbrt(variation.stomach_gas * 1000 * 3 / (4 * np.pi)))
        centre = np.array([-62, 24, left - 0.45 * radius]) + [14, 16, 4] * shift[0]
        ball(gas, frame, centre, radius * np.array([1.1, 1.2, 0.9]))
        gas = np.maximum(gas, centre[1] - 0.5 * radius - frame.front)  # below lies what was eaten
    if variation.colon:
        x, y, z = np.array([-96, 24, left - 12]) + [8, 22, 6] * shift[1]
        chain = [(x + 30, y + 26, z - 30), (x, y, z - 8), (x - 8, y - 14, z - 60), (x - 10, y - 18, z - 150)]
        _draw_colon(gas, chest, chain, variation.colon, random)
    if variation.interposed_colon:
        x, y, z = np.array([62, 46, dome - 16]) + [18, 14, 6] * shift[2]
        chain = [(x - 48, y + 18, z - 24), (x, y, z), (x + 34, y - 6, z - 26), (x + 44, y - 16, z - 110)]
        _draw_colon(gas, chest, chain, variation.interposed_colon, random)
    return np.maximum(gas, np.maximum(chest.diaphragm, chest.cage) + variation.wall)


def _draw_colon(
    gas: np.ndarray,
    chest: Chest,
    chain: list[tuple[float, float, float]],
    radius: float,
    random: np.random.Generator,
) -> None:
    """Join a tube with folds, gas in front and stool behind, to a field of gas, in place."""
    frame = chest.frame
    colon = np.full(frame.shape, FAR, np.float32)
    tube(colon, frame, chain, radius, 4)
    along = frame.up + 0.6 * frame.right + 0.4 * frame.front
    colon += np.float32(0.15 * radius) * (1 + np.sin(2 * np.pi / HAUSTRA * along))
    stool = 0.5 * radius * (smooth_noise(random, frame.axes, 50) - 0.8)
    np.minimum(gas, np.maximum(colon, stool), out=gas)
