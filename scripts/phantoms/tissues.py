"""How tissues look: Hounsfield units from shapes, slab by slab, while a slab is in the processor's cache.

``fields`` everywhere are those of :class:`Scene`, interpolated onto the slab: shape ``(S, A, R)``, in mm.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .acquisition import Acquisition
from .geometry import interpolation
from .lesions import Lesions
from .lungs import lobe_labels
from .population import Patient

__all__ = ["Scene", "blend", "body_density", "filled", "lung_density", "paint_lesions", "render"]

Fields = dict[str, np.ndarray]

AIR, FAT, MUSCLE, SKIN = -1000.0, -100.0, 52.0, 0.0  # HU
SPONGY_BONE, HARD_BONE, HARD_DEPTH = 190.0, 340.0, 1.5  # HU, HU, mm
FISSURE_DENSITY, FISSURE_WIDTH = -560.0, 0.8  # HU, mm
EMPHYSEMA, BULLA = -970.0, -990.0  # HU
WALL_DENSITY, WALL_WIDTH = -200.0, 1.0  # of honeycombs and reticular lines; HU, mm


def filled(field: np.ndarray, width: float) -> np.ndarray:
    """Return how much of each voxel a shape fills: an edge is a ramp, ``width`` mm wide."""
    share = field * np.float32(-1 / width)
    share += np.float32(0.5)
    return np.clip(share, 0, 1, out=share)


def blend(picture: np.ndarray, share: np.ndarray, density: float | np.ndarray) -> None:
    """Replace a share (0 to 1) of each voxel's HU by another density, in place."""
    picture += share * (np.asarray(density, np.float32) - picture)


def body_density(fields: Fields, patient: Patient, blur: float) -> np.ndarray:
    """Compose everything but the lungs: skin, fat, muscle, organs, gas, bone; HU.

    Args:
        fields: of the slab.
        patient: density of the gas in stomach and bowel.
        blur: width of an edge, mm.
    """
    texture = fields["texture"]
    hounsfield = np.full(texture.shape, AIR, np.float32)
    blend(hounsfield, filled(fields["skin"], blur), SKIN)
    blend(hounsfield, filled(fields["skin"] + 2, blur), FAT + 7 * texture)
    blend(hounsfield, filled(fields["muscle"] + 1.2 * texture, 1.2 * blur), MUSCLE + 6 * texture)
    blend(hounsfield, filled(fields["cavity"], blur), FAT + 7 * texture)
    blend(hounsfield, filled(fields["organs"], blur), fields["organ_density"] + 3 * texture)
    blend(hounsfield, filled(fields["bowel"], blur), patient.variation.gas_density)
    blend(hounsfield, filled(fields["air"], blur), AIR)
    bones = fields["bones"]
    hard = np.clip(1 + bones / np.float32(HARD_DEPTH), 0, 1)
    blend(hounsfield, filled(bones, blur), SPONGY_BONE + HARD_BONE * hard + 30 * texture)
    return hounsfield


def lung_density(fields: Fields, patient: Patient, front: np.ndarray, blur: float) -> np.ndarray:
    """Compose healthy lung: denser towards the back, fissures as fine lines; HU.

    Args:
        fields: of the slab.
        patient: parenchyma, gravity, dependent density.
        front: position of the rows, mm, ``(A, 1)``; the patient lies on the back.
        blur: width of an edge, mm.
    """
    surface = fields["surface"]
    hounsfield = patient.parenchyma - np.float32(patient.gravity) * front + 13 * fields["texture"]
    if patient.dependent:
        low = np.clip((-front - 35) / 30, 0, 1)
        hounsfield += np.float32(patient.dependent) * low * np.exp(np.minimum(surface, 0) / 7)
    line = max(blur, FISSURE_WIDTH)
    above, right = fields["oblique"] > 0, fields["side"] > 0
    gap = np.abs(fields["oblique"])
    gap = np.where(above & right, np.minimum(gap, np.abs(fields["horizontal"])), gap)
    if "emphysema" in fields:
        blend(hounsfield, 0.9 * filled(fields["emphysema"], 6), EMPHYSEMA)
    share = np.clip(1 - gap * np.float32(1 / line), 0, 1) * np.float32(0.8 * FISSURE_WIDTH / line)
    blend(hounsfield, share, FISSURE_DENSITY)
    if "bullae" in fields:
        blend(hounsfield, filled(fields["bullae"], blur), BULLA)
    return hounsfield.astype(np.float32, copy=False)


def paint_lesions(
    lung: np.ndarray,
    fields: Fields,
    lesions: Lesions,
    cells: cKDTree | None,
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Paint the lesions into a slab of lung, in place, and nowhere but inside the lungs.

    Args:
        lung: HU of the slab.
        fields: of the slab, with ``extent`` and ``core``.
        lesions: densities and labels.
        cells: centres of honeycombs, right, front, up in mm, or None.
        axes: voxel centres of the slab along S, A, R, mm.

    Returns:
        The lesion labels, uint8.
    """
    inside = fields["surface"] < 0
    extent = filled(fields["extent"], 7) * inside
    core = filled(fields["core"], 8 if cells is None else 4) * inside
    texture = fields["texture"]
    blend(lung, extent, lesions.density + 35 * texture)
    if cells is None:
        blend(lung, core, lesions.core_density + 8 * texture)
    else:
        blend(lung, 0.9 * core, lesions.core_density)
        _draw_walls(lung, extent, core, cells, axes)
    labels = np.where(extent > 0.5, lesions.codes[0], 0).astype(np.uint8)
    labels[core > 0.5] = lesions.codes[1]
    return labels


def _draw_walls(
    lung: np.ndarray,
    extent: np.ndarray,
    core: np.ndarray,
    cells: cKDTree,
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Draw walls, thick in honeycombs and faint in reticulation, in place.

    They lie where two centres are equally near (Worley, SIGGRAPH 1996: F2 - F1 is small).
    """
    s, a, r = np.nonzero(extent > 0.05)
    if not len(s):
        return
    points = np.stack([axes[2][r], axes[1][a], axes[0][s]], axis=1)
    nearest, _ = cells.query(points, k=2)
    gap = (nearest[:, 1] - nearest[:, 0]).astype(np.float32)
    width = max(2 * WALL_WIDTH, float(axes[2][1] - axes[2][0]))
    wall = np.clip(1.2 - gap / width, 0, 1) * min(1.0, 2 * WALL_WIDTH / width)
    strength = np.where(core[s, a, r] > 0.3, 1.0, 0.55) * extent[s, a, r]
    voxels = lung[s, a, r]
    lung[s, a, r] = voxels + wall * strength * (WALL_DENSITY - voxels)


SLAB = 4  # slices composed at once
BRONCHUS_AIR = -980.0  # HU


@dataclass(frozen=True)
class Scene:
    """All that is to be drawn.

    ``fields`` are on the lattice, ``(S, A, R)``: the shapes ``skin``, ``muscle``, ``cavity``, ``organs``,
    ``bones``, ``bowel`` (its gas), ``air`` (of airways), ``surface`` (of the lungs), ``oblique``,
    ``horizontal``, ``side`` and, where there are such, ``emphysema``, ``bullae`` and the lesions' ``extent``
    and ``core``, in mm; ``organ_density`` in HU; ``texture`` of unit variance. ``axes`` are the lattice's, in
    the patient's mm. ``vessels`` and ``lumens`` fill the scan's voxels from 0 to 1.
    """

    patient: Patient
    fields: dict[str, np.ndarray]
    axes: tuple[np.ndarray, np.ndarray, np.ndarray]
    vessels: np.ndarray
    lumens: np.ndarray
    lesions: Lesions | None


def render(scene: Scene, acquisition: Acquisition) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the scan without its noise.

    Args:
        scene: what is there.
        acquisition: voxels and sharpness.

    Returns:
        HU (float32), lobe labels and lesion labels (uint8), each ``(S, A, R)``.
    """
    shape = tuple(len(axis) for axis in acquisition.axes)
    hounsfield = np.empty(shape, np.float32)
    lobes, labels = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    heights = scene.patient.variation.displaced(acquisition.axes[0])
    shown = (heights, *acquisition.axes[1:])
    up, front, right = (interpolation(old, new) for old, new in zip(scene.axes, shown, strict=True))
    stack = np.stack(list(scene.fields.values()), axis=1)  # S, field, A, R
    cells = None
    if scene.lesions is not None and scene.lesions.cells is not None:
        cells = cKDTree(scene.lesions.cells * scene.patient.scale)
    rows_front = acquisition.axes[1].astype(np.float32)[:, None]
    for start in range(0, shape[0], SLAB):
        slab = slice(start, start + SLAB)
        used = np.flatnonzero(up[slab].any(0))
        near = slice(used[0], used[-1] + 1)
        planes = np.tensordot(up[slab, near], stack[near], 1)
        fine = np.moveaxis(front @ (planes @ right.T), 1, 0)
        fields = dict(zip(scene.fields, fine, strict=True))
        picture = body_density(fields, scene.patient, acquisition.blur)
        inside = fields["surface"] < 0
        if inside.any():
            lung = lung_density(fields, scene.patient, rows_front, acquisition.blur)
            if scene.lesions is not None:
                axes = (acquisition.axes[0][slab], acquisition.axes[1], acquisition.axes[2])
                labels[slab] = paint_lesions(lung, fields, scene.lesions, cells, axes)
            blend(lung, scene.vessels[slab], scene.patient.blood - 5)
            blend(lung, scene.lumens[slab], BRONCHUS_AIR)
            # The edge lies inside the lung mask: a lesion, which ends with the mask, then has no dark rim.
            edge = 0.9 * acquisition.blur
            blend(picture, filled(fields["surface"] + edge / 2, edge), lung)
            lobes[slab] = lobe_labels(inside, fields["side"] < 0, fields["oblique"], fields["horizontal"])
        hounsfield[slab] = picture
    return hounsfield, lobes, labels
