"""Liver, spleen, stomach and bowel: what a chest scan sees under the diaphragm."""

import numpy as np

from .anatomy import Chest
from .geometry import FAR, ball, smooth_noise

__all__ = ["draw_abdomen"]


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
    return np.maximum(organs, inside), np.maximum(gas, inside + 6)
