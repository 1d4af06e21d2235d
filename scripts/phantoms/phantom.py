"""One phantom: a chest CT of a patient who does not exist, with its lobes and lesions known exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from .acquisition import Acquisition, add_noise, add_table, draw_acquisition, orient, pad
from .anatomy import Chest, draw_chest, draw_frame, draw_wall
from .geometry import smooth_noise
from .lesions import draw_lesions
from .lungs import Lungs, draw_air_spaces, draw_lungs, fill_pleura
from .organs import draw_abdomen, draw_bones, draw_cartilage, draw_mediastinum
from .population import Patient, Population, draw_patient
from .tissues import Scene, render
from .variations import Variation, draw_variation
from .vessels import Branches, Details, ball_points, draw_details, splat, tube_points

__all__ = ["Phantom", "draw_phantom"]

LATTICE = (4.0, 8.0)  # mm, finest and coarsest; between them a little finer than the pixels
BRONCHUS_WALL = 0.6  # mm
FLUID = 12.0  # HU, of a pleural effusion
PATIENT, SCAN, NOISE, DISEASE, VARIATION = range(5)  # streams of random numbers


@dataclass(frozen=True)
class Phantom:
    """A scan and what is known about it.

    ``hounsfield`` (int16, HU), ``lobes`` and ``lesions`` (uint8) have one shape, in the axis order of
    ``orientation``; ``affine`` ``(4, 4)`` maps voxels to RAS mm. Lobes: 0 background, 1 left upper, 2 left
    lower, 3 right upper, 4 right middle, 5 right lower. Lesions: 0 none, 1 ground glass, 2 consolidation,
    3 reticulation and honeycombing. ``severity`` is "none", "mild", "moderate" or "severe"; ``lesion_share``
    the part of the lung volume that is diseased; ``variation`` what else there is. The true lungs are
    all that has a lobe: vessels and bronchi inside a lobe belong to it, fluid and air beside the lung do not.
    """

    hounsfield: np.ndarray
    affine: np.ndarray
    lobes: np.ndarray
    lesions: np.ndarray
    label: int
    severity: str
    lesion_share: float
    sex: str
    age: int
    orientation: str
    variation: Variation


def draw_phantom(
    seed: int | Sequence[int],
    label: int,
    shape: Sequence[int] | None = None,
    spacing: Sequence[float] | None = None,
    orientation: str | None = None,
    visit: int = 0,
    population: Population | None = None,
) -> Phantom:
    """Draw one phantom.

    Patient, scanner, noise, variations and lesions have streams of random numbers each, and only the lesions'
    is told the class: the same seed with another label gives the same voxels outside the lungs.

    Args:
        seed: names the patient.
        label: 0 non-pneumonia, 1 other pneumonia, 2 COVID-19.
        shape: voxels along R, A, S before they are turned to the orientation; drawn if None.
        spacing: voxel size along R, A, S, mm; drawn if None, or what fills the field if a shape is given.
        orientation: axis codes of nibabel, such as ``"RAS"``; drawn if None.
        visit: another visit is another scan of the same patient.
        population: whom to draw from; adults by default.

    Returns:
        The phantom.

    Raises:
        ValueError: the label is not 0, 1 or 2, a size makes no sense, or the field misses a lobe.

    >>> draw_phantom(7, label=2, shape=(40, 36, 30), orientation="RAS").hounsfield.shape
    (40, 36, 30)
    """
    _check(label, shape, spacing)
    population = population or Population()
    key = np.atleast_1d(seed).tolist()
    patient = draw_patient(np.random.default_rng([*key, PATIENT]), population)
    chronic, acute = (np.random.default_rng([*key, VARIATION, which]) for which in (0, visit + 1))
    patient = replace(patient, variation=draw_variation(chronic, acute, population.variations))
    stream = np.random.default_rng([*key, SCAN, visit])
    acquisition = draw_acquisition(stream, population, patient, shape, spacing, orientation)
    with threadpool_limits(1):  # the bytes must not depend on the number of threads
        scene = _draw_scene(key, label, visit, population, patient, acquisition)
        hounsfield, lobes, lesions = render(scene, acquisition)
    add_table(hounsfield, acquisition)
    add_noise(hounsfield, acquisition, np.random.default_rng([*key, NOISE, visit]))
    scan, affine = orient(pad(hounsfield, acquisition), acquisition)
    return Phantom(
        hounsfield=scan,
        affine=affine,
        lobes=orient(lobes, acquisition)[0],
        lesions=orient(lesions, acquisition)[0],
        label=label,
        severity=scene.lesions.severity if scene.lesions else "none",
        lesion_share=int(np.count_nonzero(lesions)) / max(1, int(np.count_nonzero(lobes))),
        sex=patient.sex,
        age=patient.age,
        orientation=acquisition.orientation,
        variation=patient.variation,
    )


def _check(label: int, shape: Sequence[int] | None, spacing: Sequence[float] | None) -> None:
    if label not in (0, 1, 2):
        raise ValueError(f"label={label} is not 0 non-pneumonia, 1 other pneumonia or 2 COVID-19")
    if shape is not None and (len(shape) != 3 or min(shape) < 8):
        raise ValueError(f"shape={tuple(shape)} is not three numbers (R, A, S) of at least 8 voxels")
    if spacing is not None and (len(spacing) != 3 or min(spacing) <= 0):
        raise ValueError(f"spacing={tuple(spacing)} is not three positive numbers (R, A, S) in mm")


def _draw_scene(
    key: list[int], label: int, visit: int, population: Population, patient: Patient, acquisition: Acquisition
) -> Scene:
    """Build the anatomy on the lattice, then the lesions into it."""
    random = np.random.default_rng([*key, PATIENT, 1])
    scale = np.array(patient.scale)
    low = np.array([axis[0] for axis in acquisition.axes[::-1]]) / scale
    high = np.array([axis[-1] for axis in acquisition.axes[::-1]]) / scale
    spacing = float(np.clip(0.9 * acquisition.spacing[0], *LATTICE))
    frame = draw_frame(random, patient, low, high, spacing)
    chest = draw_chest(frame, patient)
    fields, lungs, details = _draw_healthy(chest, random)
    stream = np.random.default_rng([*key, DISEASE, visit, label])
    lesions = draw_lesions(label, chest, lungs, population, stream)
    if lesions:
        fields |= {"extent": lesions.extent, "core": lesions.core}
    vessels, lumens = _fill(details, scale, acquisition, patient.variation)
    up, front, right = (axis * size for axis, size in zip(frame.axes, scale[::-1], strict=True))
    return Scene(patient, fields, (up, front, right), vessels, lumens, lesions)


def _draw_healthy(chest: Chest, random: np.random.Generator) -> tuple[dict[str, np.ndarray], Lungs, Details]:
    """Everything that does not know the class."""
    mediastinum = draw_mediastinum(chest)
    lungs = draw_lungs(chest, mediastinum, random)
    details = draw_details(chest, lungs, random)
    pleura = fill_pleura(chest, lungs)
    lungs = pleura.lungs
    skin, muscle = draw_wall(chest)
    organs, gas = draw_abdomen(chest, random)
    cartilage = draw_cartilage(chest)
    sheet = np.maximum(((chest.diaphragm + 1.5) ** 2 - 3) / 3, chest.cage)  # the diaphragm's muscle
    soft = np.minimum(np.minimum(mediastinum.other, organs), np.minimum(cartilage, sheet))
    soft = np.minimum(soft, pleura.fluid)
    density = np.where(organs < mediastinum.other, 55.0, 38.0)
    density = np.where(cartilage < 1, 105.0, density)
    density = np.where(pleura.fluid < np.minimum(organs, sheet), FLUID, density)
    density = np.where(mediastinum.blood < soft, chest.patient.blood, density)
    fields = {
        "skin": skin,
        "muscle": muscle,
        "cavity": np.maximum(chest.cage + 1, chest.frame.up - 84),
        "organs": np.minimum(soft, mediastinum.blood),
        "organ_density": density,
        "bones": draw_bones(chest),
        "bowel": np.minimum(gas, mediastinum.gas),
        "air": np.minimum(mediastinum.air, pleura.air),
        "surface": lungs.surface,
        "oblique": lungs.oblique,
        "horizontal": lungs.horizontal,
        "side": lungs.side,
        "texture": smooth_noise(random, chest.frame.axes, 16),
        **draw_air_spaces(chest, lungs),
    }
    return {name: field.astype(np.float32, copy=False) for name, field in fields.items()}, lungs, details


def _fill(
    details: Details, scale: np.ndarray, acquisition: Acquisition, variation: Variation
) -> tuple[np.ndarray, np.ndarray]:
    """Turn tubes and nodules into filled shares of the scan's voxels: soft tissue, and air in bronchi."""
    voxel = float(np.prod(acquisition.spacing))
    size = float(np.cbrt(np.prod(scale)))
    vessels, airways = details.vessels, details.airways
    lumens = Branches(airways.start * scale, airways.end * scale, airways.radius * size)
    walls = Branches(lumens.start, lumens.end, lumens.radius + BRONCHUS_WALL)
    soft = [
        tube_points(Branches(vessels.start * scale, vessels.end * scale, vessels.radius * size), voxel),
        tube_points(walls, voxel),
        ball_points(details.nodules[:, :3] * scale, details.nodules[:, 3], voxel),
    ]
    tissue, volumes = (np.concatenate(part) for part in zip(*soft, strict=True))
    air, air_volumes = tube_points(lumens, voxel)
    for points in (tissue, air):
        points[:, 2] += points[:, 2] - variation.displaced(points[:, 2])  # to the slice that shows it
    return splat(tissue, volumes, acquisition.axes), splat(air, air_volumes, acquisition.axes)
