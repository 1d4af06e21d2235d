"""What lies around the lungs: heart, great vessels and airways; what is below the diaphragm; bones."""

from dataclasses import dataclass

import numpy as np

from .anatomy import Chest, upper_arm
from .geometry import FAR, ball, smooth_minimum, smooth_noise, tube

__all__ = ["HILA", "Mediastinum", "draw_abdomen", "draw_bones", "draw_cartilage", "draw_mediastinum"]

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
