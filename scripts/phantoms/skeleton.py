"""Spine, ribs, breastbone, shoulder blades, collar bones and upper arms."""

import numpy as np

from .anatomy import Chest, upper_arm
from .geometry import FAR, ball, tube

__all__ = ["draw_bones", "draw_cartilage"]

PITCH = 25.0  # mm from one vertebra, and one rib, to the next
RIB_SLOPE = 0.52  # mm down for each mm forward
RIB_DISTANCE = 6.5  # mm from the lung side of the cage to the middle of a rib


def draw_bones(chest: Chest) -> np.ndarray:
    """Return the field of all bones, ``(S, A, R)`` in mm."""
    bones = np.minimum(_spine(chest), _ribs(chest, from_depth=-0.93, to_depth=0.62))
    bones = np.minimum(bones, np.minimum(_breastbone(chest), _shoulder_blades(chest)))
    for side in (-1, 1):
        collar = [(side * 20, 40, 66), (side * 70, 16, 90), (side * 125, -24, 108)]
        tube(bones, chest.frame, collar, 5.5)
        tube(bones, chest.frame, [(side * 90, -74, 66), (side * 136, -42, 94)], 6)
        ball(bones, chest.frame, (side * 150, -26, 104), (23, 23, 24))
        tube(bones, chest.frame, upper_arm(chest.patient, side), 11, 6)
    return bones


def draw_cartilage(chest: Chest) -> np.ndarray:
    """Return the field of the costal cartilages, between the ribs and the breastbone."""
    near = np.abs(chest.frame.right) - 70 - 0.3 * np.clip(-chest.frame.up, 0, 200)
    return np.maximum(_ribs(chest, from_depth=0.62, to_depth=2.0), near)


def _ribs(chest: Chest, from_depth: float, to_depth: float) -> np.ndarray:
    """Ribs are the cage's wall cut by sloping, evenly spaced planes."""
    frame = chest.frame
    rung = (frame.up + RIB_SLOPE * (frame.front + 70)) / PITCH + chest.patient.rib_phase
    offset = (rung - np.round(rung)) * np.float32(PITCH / np.hypot(1, RIB_SLOPE))
    squared = ((chest.cage - RIB_DISTANCE) / 3.6) ** 2 + (offset / 6.0) ** 2
    ribs = (squared - 1) * 2
    ends = np.maximum(from_depth - chest.depth, chest.depth - to_depth) * 60
    first = (rung - chest.patient.rib_phase) * PITCH - 95  # nothing above the first rib
    return np.maximum(np.maximum(ribs, ends), np.maximum(first, -205 - frame.up))


def _spine(chest: Chest) -> np.ndarray:
    frame, spine = chest.frame, chest.spine
    right = np.abs(frame.right)
    rung = frame.up / PITCH + chest.patient.rib_phase
    gap = np.abs(rung - np.round(rung)) * PITCH  # from the middle of a vertebra's height
    body = ((right / 18) ** 2 + (spine / 15) ** 2 - 1) * 8
    body = np.maximum(body, gap - 10.2)
    canal = np.hypot(right, spine + 24)
    arch = np.maximum(np.abs(canal - 11.5) - 3.2, gap - 9)
    across = np.maximum(np.maximum(np.abs(spine + 26) - 4.5, right - 32), np.abs(gap) - 5)
    across = np.maximum(across, 12 - right)
    lean = (frame.up - 0.6 * (spine + 34)) / PITCH + chest.patient.rib_phase
    lean_gap = np.abs(lean - np.round(lean)) * PITCH
    process = np.maximum(np.maximum(right - 3.2, np.abs(spine + 48) - 14), lean_gap - 7)
    return np.minimum(np.minimum(body, arch), np.minimum(across, process))


def _breastbone(chest: Chest) -> np.ndarray:
    up = chest.frame.up
    half_width = 15 + 12 * np.clip((up - 25) / 30, 0, 1)
    plate = (((chest.cage - 8) / 5.0) ** 2 + (chest.frame.right / half_width) ** 2 - 1) * 2.5
    return np.maximum(np.maximum(plate, -chest.depth * 50), np.maximum(up - 66, -88 - up))


def _shoulder_blades(chest: Chest) -> np.ndarray:
    """Thin plates that glide on the ribs behind."""
    right, up = np.abs(chest.frame.right), chest.frame.up
    field = np.full(chest.frame.shape, FAR, np.float32)
    plate = (((chest.cage - 20 - 0.06 * np.maximum(up, 0)) / 3.0) ** 2 - 1) * 1.5
    outline = np.hypot((right - 96 - 0.1 * up) / 34, (up - 25) / 75) - 1
    behind = (chest.depth + 0.15) * 60
    return np.minimum(field, np.maximum(np.maximum(plate, outline * 30), behind))
