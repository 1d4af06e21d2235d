"""Occlusion sensitivity: what the answer loses when a place is covered."""

import itertools

import torch
from monai.networks.utils import eval_mode
from torch import nn

from scripts.transforms import to_window

__all__ = ["Occlusion"]

AERATED_LUNG = -850.0  # HU


class Occlusion:
    """Cover one block after another with aerated lung; the heat is what the class's probability loses.

    Zeiler and Fergus, ECCV 2014, doi:10.1007/978-3-319-10590-1_53. It asks the network itself,
    ``blocks ** 3`` times a scan: the slow check of the quicker methods. (``monai.visualize`` has one that
    indexes tensors in a way that torch deprecated and will read otherwise.)

    Args:
        network: any classifier.
        window: level, width in HU of the network's grid: it says which grey value aerated lung has.
        blocks: how many blocks side by side an axis holds.
        batch_size: of covered copies.
    """

    name = "occlusion"

    def __init__(
        self,
        network: nn.Module,
        window: tuple[float, float] = (-500.0, 1500.0),
        blocks: int = 6,
        batch_size: int = 8,
    ) -> None:
        self.network = network
        self.blocks = blocks
        self.fill = float(to_window(torch.tensor(AERATED_LUNG), window))
        self.batch_size = batch_size

    def __call__(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        with eval_mode(self.network):
            pairs = zip(x, classes.tolist(), strict=True)
            return torch.stack([self._one(scan, target) for scan, target in pairs])

    def _one(self, scan: torch.Tensor, target: int) -> torch.Tensor:
        """Return the map of one scan ``(1, R, A, S)``."""
        cuts = [[size * cut // self.blocks for cut in range(self.blocks + 1)] for size in scan.shape[1:]]
        sides = [[slice(*ends) for ends in itertools.pairwise(cut) if ends[0] < ends[1]] for cut in cuts]
        places = list(itertools.product(*sides))
        plain = self.network(scan[None]).softmax(dim=1)[0, target]
        heat = torch.zeros_like(scan[0], dtype=torch.float32)
        for start in range(0, len(places), self.batch_size):
            some = places[start : start + self.batch_size]
            covered = scan.repeat(len(some), 1, 1, 1, 1)
            for copy, (r, a, s) in zip(covered, some, strict=True):
                copy[:, r, a, s] = self.fill
            losses = plain - self.network(covered).softmax(dim=1)[:, target]
            for loss, place in zip(losses, some, strict=True):
                heat[place] = loss.clamp(min=0)
        return heat
