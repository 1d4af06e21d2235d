"""The lobes of a series, numbered as here, on its voxels, and who made them."""

from pathlib import Path

import nibabel
import numpy as np
import torch
from torch.nn.functional import one_hot

from scripts.errors import UserError
from scripts.lobes import LOBES, LobeMap, LobeUNet, labels_on_scan, read_lobes
from scripts.scans import Scan

from .producer import Producer
from .source import SourceSeries

__all__ = ["lobe_producer", "lobes_on_source", "read_mask"]


def read_mask(source: SourceSeries, path: str | Path, table: str = "bundle") -> LobeMap:
    """Read a lobe mask of a series.

    Args:
        source: the series.
        path: NIfTI, NRRD or MHA on its voxels, in any orientation.
        table: how its labels are numbered, a key of ``scripts.lobes.LABEL_TABLES``.

    Raises:
        UserError: it cannot be read, is not the series', or its labels are not of that table.
    """
    return read_lobes(path, _geometry(source), table)


def lobes_on_source(source: SourceSeries, lobes: LobeMap) -> np.ndarray:
    """Return the label of each voxel of a series, ``(columns, rows, slices)``.

    Args:
        source: the series.
        lobes: on the series' own voxels, as a mask is, or on the lobe network's larger ones.

    Raises:
        UserError: they cannot be a patient's lobes, as happens where a mask is numbered in another way.
    """
    flags = lobes.flags()
    if flags:
        raise UserError(
            f"{source.name}: these cannot be a patient's lobes ({', '.join(flags)}); expected all five, each "
            f"in its place; say how the mask is numbered (lobe_labels; docs/lobes.md), or leave it out"
        )
    own = _geometry(source)
    if lobes.labels.shape == own.voxels.shape and np.allclose(lobes.affine, own.affine, atol=1e-3):
        axes = (nibabel.io_orientation(affine) for affine in (lobes.affine, source.affine))
        return nibabel.apply_orientation(lobes.labels, nibabel.orientations.ornt_transform(*axes))
    classes = one_hot(torch.from_numpy(lobes.labels.astype(np.int64)), len(LOBES) + 1).movedim(-1, 0)
    return labels_on_scan(classes, lobes.affine, source.affine, source.shape)


def lobe_producer(lobes: LobeMap, version: str) -> Producer:
    """Say who made the lobes: the lobe network by its weights; nobody known, for a mask.

    Args:
        lobes: with the network's SHA-256 where one made them.
        version: of the bundle.
    """
    return Producer(version, lobes.weights, LobeUNet.__name__) if lobes.weights else Producer(version)


def _geometry(source: SourceSeries) -> Scan:
    nothing = np.broadcast_to(np.int16(0), source.shape)
    return Scan.from_array(nothing, source.affine, source.name)
