"""The scanner: field of view, couch, voxels, orientation, noise and padding."""

from collections.abc import Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from scipy import ndimage

from .population import Patient, Population

__all__ = ["Acquisition", "add_noise", "add_table", "draw_acquisition", "orient", "pad"]

LOWEST = -285.0  # mm: no anatomy is drawn below
SHARP_EDGE, SOFT_EDGE = 0.8, 2.0  # mm, over which the kernels smear an edge


@dataclass(frozen=True)
class Acquisition:
    """One scan's settings; ``axes`` are voxel centres along S, A, R in the patient's millimetres.

    ``blur`` is the width of an edge in mm, ``noise`` a standard deviation in HU, ``grain`` the noise's
    correlation in voxels, ``padding`` the HU outside the reconstructed circle or None, ``table`` the
    height of the table's top in mm, ``origin`` what the scanner calls the patient's origin, and ``tilt`` the
    table's about the axes from side to side and from head to feet, degrees.
    """

    axes: tuple[np.ndarray, np.ndarray, np.ndarray]
    orientation: str
    blur: float
    noise: float
    grain: float
    padding: int | None
    table: float
    origin: tuple[float, float, float]
    tilt: tuple[float, float] = (0.0, 0.0)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size along R, A, S, mm."""
        s, a, r = (float(axis[1] - axis[0]) for axis in self.axes)
        return r, a, s


def draw_acquisition(
    random: np.random.Generator,
    population: Population,
    patient: Patient,
    shape: Sequence[int] | None = None,
    spacing: Sequence[float] | None = None,
    orientation: str | None = None,
) -> Acquisition:
    """Draw the settings of one scan.

    Args:
        random: the scan's own stream of acquisition, which never sees the class.
        population: the ranges.
        patient: who is scanned; the field is laid around the chest.
        shape: voxels along R, A, S, whatever the orientation; drawn if None.
        spacing: voxel size along R, A, S, mm; what fills the field if None.
        orientation: axis codes of nibabel, such as ``"LPS"``; drawn if None.

    Returns:
        The settings.
    """
    low, high = _field(random, population, patient)
    extent = high - low
    matrix = float(random.choice(population.matrix))
    drawn = np.array([extent[0] / matrix, extent[0] / matrix, random.choice(population.slice_spacing)])
    steps = drawn if spacing is None else np.asarray(spacing, float)
    counts = np.round(extent / steps).astype(int) if shape is None else np.asarray(shape, int)
    if shape is not None and spacing is None:
        steps = extent / counts
    middle = (low + high) / 2
    axes = [m + (np.arange(n) - (n - 1) / 2) * d for m, n, d in zip(middle, counts, steps, strict=True)]
    sharp = random.random() < population.sharp
    drawn_orientation = str(random.choice(population.orientations))
    circular = random.random() < population.circular
    padding = int(random.choice(population.paddings))
    noise = random.uniform(*(population.noise_sharp if sharp else population.noise_soft))
    thin = min(1.0, float(np.sqrt(3.0 / steps[2])))  # thick slices are quieter
    return Acquisition(
        axes=(axes[2], axes[1], axes[0]),
        orientation=orientation or drawn_orientation,
        blur=float(max(np.hypot(steps[0], SHARP_EDGE if sharp else SOFT_EDGE), 0.4 * steps[2])),
        noise=noise * thin,
        grain=0.45 if sharp else random.uniform(0.7, 1.1),
        padding=padding if circular else None,
        table=-(98 * patient.scale[1] + 24 + 0.9 * patient.fat + random.uniform(6, 18)),
        origin=tuple(random.uniform(-250, 250, 3).round(2)),
        tilt=patient.variation.table_tilt,
    )


def _field(
    random: np.random.Generator, population: Population, patient: Patient
) -> tuple[np.ndarray, np.ndarray]:
    """Return the field's corners, right, front, up in the patient's mm: square, or cropped to the body."""
    scale = np.array(patient.scale)
    bottom, top = random.uniform(-212, -172) + patient.dome_height, random.uniform(114, 142)
    bottom = max(bottom - patient.variation.below, LOWEST)
    wide = random.uniform(*population.field) / 2
    offset = random.uniform(-8, 8, 2)
    cropped = random.random() < population.cropped
    margin = random.uniform(2, 14)
    if cropped:
        half = np.array([136, 98]) * scale[:2] + 16 * patient.muscle + patient.fat + margin
        offset = np.array([0.0, -2.0])
    else:
        half = np.array([wide, wide])
    low = np.append(offset - half, bottom * scale[2])
    high = np.append(offset + half, top * scale[2])
    return low, high


def add_noise(hounsfield: np.ndarray, acquisition: Acquisition, random: np.random.Generator) -> None:
    """Add correlated noise, stronger between the shoulders, in place.

    Args:
        hounsfield: the scan, ``(S, A, R)``.
        acquisition: standard deviation and correlation.
        random: the scan's stream of noise.
    """
    grain, up = acquisition.grain, acquisition.axes[0]
    gain = (2 * grain * np.sqrt(np.pi)) if grain > 0.5 else 1.35
    for k in range(len(hounsfield)):
        plane = random.standard_normal(hounsfield.shape[1:], dtype=np.float32)
        shoulder = np.clip((up[k] - 60) / 50, 0, 1)
        ndimage.gaussian_filter(plane, (grain, grain * (1 + shoulder)), output=plane, truncate=2.5)
        hounsfield[k] += plane * np.float32(acquisition.noise * gain * (1 + 0.8 * shoulder))


def pad(hounsfield: np.ndarray, acquisition: Acquisition) -> np.ndarray:
    """Round to int16 and blank what lies outside the reconstructed circle, as some scanners do."""
    scan = np.rint(np.clip(hounsfield, -1024, 3071)).astype(np.int16)
    if acquisition.padding is not None:
        _, front, right = (axis - axis.mean() for axis in acquisition.axes)
        radius = max(front[-1], right[-1])
        scan[:, np.hypot(front[:, None], right) > radius] = acquisition.padding
    return scan


def orient(volume: np.ndarray, acquisition: Acquisition) -> tuple[np.ndarray, np.ndarray]:
    """Turn ``(S, A, R)`` into the scan's own axis order.

    Returns:
        The volume in the order of ``acquisition.orientation``, and its affine to RAS mm, ``(4, 4)``.
    """
    affine = np.diag((*acquisition.spacing, 1.0))
    affine[:3, 3] = [
        axis[0] + shift for axis, shift in zip(acquisition.axes[::-1], acquisition.origin, strict=True)
    ]
    target = nib.orientations.axcodes2ornt(acquisition.orientation)
    change = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), target)
    oriented = nib.orientations.apply_orientation(volume.T, change)
    return oriented, affine @ nib.orientations.inv_ornt_aff(change, volume.T.shape)


SHELL, FOAM = -250.0, -940.0  # HU
THICKNESS, HEIGHT, HALF_WIDTH, BOW = 3.0, 32.0, 205.0, 26.0  # mm


def add_table(hounsfield: np.ndarray, acquisition: Acquisition) -> None:
    """Draw the bowed couch, a thin shell around foam, behind whatever is already there; in place.

    Args:
        hounsfield: the scan, HU, ``(S, A, R)``.
        acquisition: voxels, and the height of the couch's top in mm.
    """
    up, front, right = acquisition.axes
    sag, roll = np.tan(np.deg2rad(acquisition.tilt))
    width = acquisition.blur
    top = acquisition.table + BOW * (right / HALF_WIDTH) ** 2
    low = abs(sag) * np.ptp(up) / 2 + abs(roll) * HALF_WIDTH  # so that no end of it rises into the body
    sides = np.abs(right)[None, :] - HALF_WIDTH
    planes: np.ndarray | list[np.ndarray] = hounsfield if sag else [hounsfield]
    for plane, height in zip(planes, up - up.mean(), strict=False):
        under = (top + roll * right + sag * height - low)[None, :] - front[
            :, None
        ]  # mm below the top, (A, R)
        within = np.maximum(np.abs(under - HEIGHT / 2) - HEIGHT / 2, sides)
        outer = np.clip(0.5 - within / width, 0, 1)
        inner = np.clip(0.5 - (within + THICKNESS) / width, 0, 1)
        couch = -1000 + (outer - inner) * (SHELL + 1000) + inner * (FOAM + 1000)
        np.maximum(plane, couch.astype(np.float32), out=plane)
