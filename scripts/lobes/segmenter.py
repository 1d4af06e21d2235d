"""The trained lobe network as a function of a scan, to a label map on the scan's own voxels."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import torch
from monai.transforms import KeepLargestConnectedComponent
from scipy import ndimage
from torch import nn
from torch.utils.data import get_worker_info

from scripts.checkpoints import ModelFile, build_network, build_region
from scripts.errors import UserError
from scripts.networks import place_network, read_state_dict
from scripts.scans import Scan, resample
from scripts.transforms import Region, faces_in_grid, scan_to_grid, to_window

from .labels import LOBES, lobe_classes
from .lobe_map import LobeMap

__all__ = ["LobeSegmenter", "join_islands", "labels_on_scan", "largest_pieces", "lobe_segmenter"]

LEAST = 1e-6  # probability of background where no lobe is left
SLAB_VOXELS = 2**21  # of the scan, for which all classes are held as float32 at a time


def largest_pieces(probabilities: torch.Tensor) -> torch.Tensor:
    """Take each lobe's smaller pieces away from it; their voxels go to the next likeliest class.

    By MONAI's KeepLargestConnectedComponent, until no lobe is in two pieces.

    Args:
        probabilities: ``(6, R, A, S)``.

    Returns:
        The same, 0 where a lobe was the likeliest but not connected with its largest piece.
    """
    cleaned = probabilities.clone()
    cleaned[0].clamp_(min=LEAST)
    while True:
        labels = cleaned.argmax(dim=0, keepdim=True)
        stray = KeepLargestConnectedComponent(connectivity=1)(labels.clone()) != labels  # works in place
        if not stray.any():
            return cleaned
        cleaned.scatter_(0, labels, cleaned.gather(0, labels).masked_fill(stray, 0))


def labels_on_scan(
    probabilities: torch.Tensor,
    grid_affine: torch.Tensor | np.ndarray,
    scan_affine: torch.Tensor | np.ndarray,
    scan_shape: Sequence[int],
) -> np.ndarray:
    """Label each voxel of the scan with the class whose interpolated probability is highest there.

    Probabilities are interpolated, not labels: a border between lobes runs between the grid's voxels and
    not along their faces. All happens a slab of slices at a time, and within the grid's box only. On the
    scan's voxels too each lobe is in one piece.

    Args:
        probabilities: ``(6, R, A, S)``, on the grid.
        grid_affine: ``(4, 4)``, grid voxel to world in mm.
        scan_affine: of the scan as it was read, in any orientation.
        scan_shape: of the scan as it was read.

    Returns:
        uint8, shape ``scan_shape``; 0 outside the grid.
    """
    cleaned = largest_pieces(probabilities.float().cpu()).numpy()
    low, step = faces_in_grid(grid_affine, scan_affine, scan_shape)
    labels = np.zeros(tuple(scan_shape), dtype=np.uint8)
    canonical = nibabel.apply_orientation(labels, nibabel.io_orientation(np.asarray(scan_affine)))  # a view
    centres = [low[axis] + (np.arange(size) + 0.5) * step[axis] for axis, size in enumerate(canonical.shape)]
    inside = [
        np.flatnonzero((c >= -0.5) & (c <= size - 0.5))
        for c, size in zip(centres, cleaned.shape[1:], strict=True)
    ]
    if not all(map(len, inside)):
        return labels
    start, stop = (np.array([index[end] for index in inside]) for end in (0, -1))
    stop += 1
    thick = max(1, SLAB_VOXELS // int(np.prod((stop - start)[:2])))
    for first in range(int(start[2]), int(stop[2]), thick):
        corner = np.array([*start[:2], first])
        end = np.array([*stop[:2], min(first + thick, stop[2])])
        faces = low + corner * step, low + end * step
        best = np.full(end - corner, -1.0, dtype=np.float32)
        answer = np.zeros(end - corner, dtype=np.uint8)
        for label, volume in enumerate(cleaned):
            share = resample(volume, *faces, end - corner).numpy()
            better = share > best
            answer[better] = label
            np.maximum(best, share, out=best)
        canonical[tuple(slice(a, b) for a, b in zip(corner, end, strict=True))] = answer
    join_islands(canonical)  # a bridge thinner than the scan's voxels may be missed
    return labels


FACES = ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1))
ISLAND = len(LOBES) + 1  # in the place of a label until it is known what the island becomes


def join_islands(labels: np.ndarray) -> None:
    """Leave each lobe its largest piece; a smaller one becomes what most of its faces touch, in place.

    Pieces hang together by faces. What an island touches is background or another lobe's largest piece, so
    every lobe is in one piece afterwards. Each lobe is looked at in its own box, to save memory.

    Args:
        labels: 0 background, 1 to 5 as ``LOBES``, uint8, shape ``(R, A, S)``.
    """
    voxels, numbers = _islands(labels)
    if not len(voxels):
        return
    labels[tuple(voxels.T)] = ISLAND
    votes = np.zeros((numbers.max() + 1, ISLAND + 1), dtype=int)
    for face in FACES:
        beside = voxels + face
        within = ((beside >= 0) & (beside < labels.shape)).all(axis=1)
        np.add.at(votes, (numbers[within], labels[tuple(beside[within].T)]), 1)
    labels[tuple(voxels.T)] = votes[:, :ISLAND].argmax(axis=1)[numbers]


def _islands(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxels of all pieces but each lobe's largest, ``(N, 3)``, and whose they are, ``(N,)``."""
    voxels, numbers = [np.empty((0, 3), dtype=int)], [np.empty(0, dtype=int)]
    total = 0
    for label, box in enumerate(ndimage.find_objects(labels, len(LOBES)), 1):
        if box is None:
            continue
        pieces, count = ndimage.label(labels[box] == label)
        if count == 1:
            continue
        sizes = np.bincount(pieces.ravel())
        pieces[pieces == 1 + sizes[1:].argmax()] = 0
        found = np.argwhere(pieces)
        numbers.append(pieces[tuple(found.T)] + total)
        voxels.append(found + [side.start for side in box])
        total += count
    return np.concatenate(voxels), np.concatenate(numbers)


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LobeSegmenter:
    """Find the lobes of a scan; the network, its grid, window and region are those of its model file.

    Small to pickle: each process reads the weights when it needs them first. It runs on the GPU where there
    is one, but in a loader's worker on the CPU.

    Args:
        ckpt_path: of a :class:`LobeUNet`, with its model file beside it.

    Attributes:
        described: its model file.
        region: what it was trained on; the coarse lungs' box.
        sha256: of the checkpoint, so that a cache of what follows from it knows it from another.

    Raises:
        UserError: the checkpoint has no model file, or is not the one that it describes.
    """

    ckpt_path: str
    described: ModelFile = field(init=False, repr=False)
    region: Region = field(init=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        described = ModelFile.of(self.ckpt_path)
        if described.classes != lobe_classes():
            raise UserError(
                f"{self.ckpt_path}: its classes are {', '.join(described.classes)}; not a lobe network"
            )
        object.__setattr__(self, "described", described)
        object.__setattr__(self, "region", build_region(described.region))
        object.__setattr__(self, "sha256", described.weights_sha256)

    def __call__(self, scan: Scan) -> LobeMap:
        """Return the lobes on the network's grid: enough for a box.

        Raises:
            RefusedScan: no lungs are found, or not whole.
        """
        probabilities, affine, flags = self.probabilities(scan)
        labels = largest_pieces(probabilities).argmax(dim=0).to(torch.uint8)
        return LobeMap(labels.numpy(), affine, flags, self.sha256)

    def on_scan(self, scan: Scan) -> LobeMap:
        """Return the lobes on the scan's canonical voxels."""
        probabilities, affine, flags = self.probabilities(scan)
        labels = labels_on_scan(probabilities, affine, scan.affine, scan.voxels.shape)
        return LobeMap(labels, scan.affine, flags, self.sha256)

    @torch.inference_mode()
    def probabilities(self, scan: Scan) -> tuple[torch.Tensor, np.ndarray, tuple[str, ...]]:
        """Return the classes' probabilities ``(6, R, A, S)``, their grid's affine, and the lungs' flags."""
        in_worker = get_worker_info() is not None
        device = torch.device("cuda" if torch.cuda.is_available() and not in_worker else "cpu")
        network = _network(self.ckpt_path, self.sha256, device)
        box = self.region(scan)
        volume, affine = scan_to_grid(scan, box, self.described.spatial_shape)
        level, width = self.described.window
        grid = to_window(volume, (level, width))[None, None].to(device)
        return network(grid)[0].float().softmax(dim=0).cpu(), affine, box.flags


def lobe_segmenter(ckpt_path: str | Path | None) -> LobeSegmenter | None:
    """Return the segmenter of a checkpoint; without one say so, once, and return None.

    Args:
        ckpt_path: of a :class:`LobeUNet`; None or a file that is not there means that there is none.
    """
    if ckpt_path is not None and Path(ckpt_path).is_file():
        return LobeSegmenter(str(ckpt_path))
    where = "none is configured" if ckpt_path is None else f"{ckpt_path}: no such file"
    logger.warning("no lobe network (%s): without a lobe mask, the lung mask gives the box", where)
    return None


@cache
def _network(ckpt_path: str, sha256: str, device: torch.device) -> nn.Module:
    """Read the weights once a process; their hash tells a file that was replaced."""
    network = build_network(ModelFile.of(ckpt_path).network, read_state_dict(ckpt_path))
    return place_network(network, device)
