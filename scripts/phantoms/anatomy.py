"""The chest's frame of reference and its wall: cage, spine line, diaphragm, muscle, fat and skin."""

from dataclasses import dataclass

import numpy as np

from .geometry import Frame, ball, smooth_minimum, smooth_noise, tube
from .population import Patient

__all__ = ["Chest", "draw_chest", "draw_frame", "draw_wall", "upper_arm"]

# Inner surface of the rib cage, by height over the bifurcation of the trachea (mm):
# half width, half depth, and how far in front of the origin its centre lies.
CAGE = np.array(
    [
        (-260, 122, 92, 12),
        (-180, 131, 97, 9),
        (-130, 135, 98, 6),
        (-80, 133, 96, 3),
        (-30, 127, 91, 0),
        (20, 115, 81, -4),
        (55, 98, 67, -11),
        (80, 78, 53, -18),
        (97, 58, 43, -24),
        (110, 40, 34, -28),
        (125, 26, 26, -31),
        (260, 22, 22, -33),
    ],
    np.float32,
)
SPINE = np.array(  # height, and how far in front of the origin the vertebral bodies' axis lies
    [(-260, -50), (-150, -57), (-60, -59), (20, -56), (80, -55), (130, -46), (260, -38)], np.float32
)
SQUARENESS = 2.4  # exponent of the cage's cross-section; 2 would be an ellipse


@dataclass(frozen=True)
class Chest:
    """What the rest of the anatomy is built on; fields of shape ``(S, A, R)`` in mm.

    ``cage`` is negative inside the ribs, ``diaphragm`` negative below it (in the abdomen),
    ``spine`` is the distance in front of the vertebral bodies' axis, ``depth`` runs from -1 at the back of
    the cage to 1 at its front.
    """

    frame: Frame
    patient: Patient
    cage: np.ndarray
    diaphragm: np.ndarray
    spine: np.ndarray
    depth: np.ndarray


def draw_frame(
    random: np.random.Generator, patient: Patient, low: np.ndarray, high: np.ndarray, spacing: float
) -> Frame:
    """Lay the lattice over a part of the reference chest and deform it as the patient is deformed.

    Args:
        random: the patient's stream.
        patient: whose ``warp`` is applied.
        low: lowest corner ``(right, front, up)`` that is needed, reference mm.
        high: highest corner.
        spacing: of the lattice, mm.

    Returns:
        The frame; its nodes lie at multiples of the spacing, whatever part is asked for.
    """
    ends = np.stack([np.floor(low / spacing) - 2, np.ceil(high / spacing) + 2]).astype(int)
    right, front, up = (
        (spacing * np.arange(a, b + 1)).astype(np.float32) for a, b in zip(*ends, strict=True)
    )
    axes = (up, front, right)
    amount = np.float32(patient.warp)
    warped = [
        axis + amount * smooth_noise(random, axes, 130)
        for axis in (up[:, None, None], front[None, :, None], right[None, None, :])
    ]
    return Frame(axes, *warped)


def draw_chest(frame: Frame, patient: Patient) -> Chest:
    """Return the cage, the diaphragm and the spine's line."""
    heights = frame.axes[0]
    half_width, half_depth, centre = (
        np.interp(heights, CAGE[:, 0], CAGE[:, k]).astype(np.float32)[:, None, None] for k in (1, 2, 3)
    )
    front = frame.front - centre
    depth = front / half_depth
    ratio = (np.abs(frame.right / half_width) ** SQUARENESS + np.abs(depth) ** SQUARENESS) ** (1 / SQUARENESS)
    cage = np.hypot(frame.right, front) * (1 - 1 / np.maximum(ratio, 0.2))
    spine = frame.front - np.interp(heights, SPINE[:, 0], SPINE[:, 1]).astype(np.float32)[:, None, None]
    return Chest(frame, patient, cage, _diaphragm(frame, patient), spine, depth)


def _diaphragm(frame: Frame, patient: Patient) -> np.ndarray:
    """Two domes that fall towards the wall, most steeply behind: the costophrenic angles."""
    top = -98 + patient.dome_height
    behind = np.minimum(frame.front - 8, 0) / 72
    before = np.maximum(frame.front - 8, 0) / 125
    fall = behind**2 + before**2
    right = top - 44 * (_sideways(frame.right - 62, 74) ** 2 + fall)
    left = top - patient.dome_difference - 44 * (_sideways(-frame.right - 66, 73) ** 2 + fall)
    height = -smooth_minimum(-right, -left, 40)
    slope_front = 88 * np.hypot(behind / 72, before / 125)
    slope_right = 88 * np.abs(np.abs(frame.right) - 65) / 73**2
    steep = np.sqrt(1 + slope_front**2 + slope_right**2)
    return (frame.up - height) / steep


def _ramp(x: np.ndarray) -> np.ndarray:
    """Rise smoothly from 0 at 0 to 1 at 1."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _sideways(outward: np.ndarray, width: float) -> np.ndarray:
    """Distance from a dome's top in half widths; towards the middle, under the heart, it falls slowly."""
    return np.where(outward > 0, outward / width, outward / (1.45 * width)).astype(np.float32)


def draw_wall(chest: Chest) -> tuple[np.ndarray, np.ndarray]:
    """Return the fields of the skin and of the muscle coat under its fat.

    Arms are up, so that the shoulders widen the highest slices, or down, as the patient's variation says.
    """
    frame, patient = chest.frame, chest.patient
    up, right, depth = frame.up, np.abs(frame.right), chest.depth
    upper = np.clip((up + 70) / 90, 0, 1)
    chest_muscle = 11 * _ramp(depth * 1.3) * _ramp(right / 55) * upper
    back = _ramp(0.5 - depth * 0.9) * _ramp((right - 20) / 70) * (4 + 20 * upper)
    beside_spine = 24 * _ramp(-depth * 2.2 - 1.1)
    muscle = chest.cage - patient.muscle * (11 + chest_muscle + np.hypot(back, beside_spine))
    belly = 1 + 0.5 * np.clip((-up - 80) / 100, 0, 1)
    skin = muscle - patient.fat * belly * (0.75 + 0.35 * np.clip(1 - np.abs(depth + 0.2), 0, 1)) - 2
    for side in (-1, 1):
        girdle = [(0, -38, 88), (side * 95, -38, 84), *upper_arm(patient, side)]
        for field, grown in ((muscle, 0.0), (skin, 0.6 * patient.fat + 3)):
            ball(field, frame, (side * 112, -40, 55), np.array((44, 40, 70)) + grown, 20)
            tube(field, frame, girdle, 36 * patient.muscle**0.5 + grown, 30)
    for field, grown in ((muscle, 0.0), (skin, 0.4 * patient.fat + 3)):
        tube(field, frame, [(0, -30, 70), (0, -26, 260)], 52 + grown, 30)
    if patient.sex == "F":
        for side in (-1, 1):
            size = (30 + patient.fat) * patient.variation.breast
            ball(skin, frame, (side * 76, 84, -42), (size + 14, 0.6 * size + 12, size + 10), 22)
    return skin, muscle


def upper_arm(patient: Patient, side: int) -> list[tuple[float, float, float]]:
    """Return the line of an upper arm, from the shoulder to beyond the scan, as (right, front, up) in mm."""
    if not patient.variation.arms_down:
        return [(side * 148, -26, 100), (side * 185, -10, 200)]
    beside = 141 + 16 * patient.muscle + 1.3 * patient.fat + 36 * patient.muscle**0.5
    return [(side * 148, -30, 92), (side * beside, -24, 20), (side * (beside + 6), -14, -290)]
