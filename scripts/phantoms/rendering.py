"""From shapes to voxels: each slab of slices is interpolated and composed while it is in the cache."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .acquisition import Acquisition
from .geometry import interpolation
from .lesions import Lesions
from .lungs import lobe_labels
from .population import Patient
from .tissues import blend, body_density, filled, lung_density, paint_lesions

__all__ = ["Scene", "render"]

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
