"""The trained lobe network as a function of a scan."""

import logging
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import get_worker_info

from scripts.checkpoints import ModelFile, build_network, build_region
from scripts.errors import UserError
from scripts.networks import place_network, read_state_dict
from scripts.scans import Scan
from scripts.transforms import Region, scan_to_grid, to_window

from .labels import lobe_classes
from .lobe_map import LobeMap
from .on_scan import labels_on_scan, largest_pieces

__all__ = ["LobeSegmenter", "lobe_segmenter"]

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
