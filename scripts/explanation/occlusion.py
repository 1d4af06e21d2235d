"""Occlusion sensitivity: what the answer loses when a place is darkened to healthy lung."""

import itertools

import torch
from monai.networks.utils import eval_mode
from torch import nn

from scripts.transforms import to_window

__all__ = ["Occlusion"]

AERATED_LUNG = -850.0  # HU
OVERLAP = 1.5  # side of a block, in steps from block to block
Block = tuple[slice, slice, slice]


class Occlusion:
    """Darken one block after another to aerated lung; the heat is what the class's log-odds lose.

    Zeiler and Fergus, ECCV 2014, doi:10.1007/978-3-319-10590-1_53, with three departures. Only what is
    brighter than aerated lung is changed, so that a block over healthy lung changes nothing. The log-odds
    stand in place of the probability, which hardly moves where the network is sure. And of the overlapping
    blocks only the ``tries`` are darkened of which the gradient expects the largest loss (its product with
    the change, summed over the block): one backward pass instead of hundreds of forward ones. A voxel has the
    mean loss of the blocks that cover it; a block that was not darkened counts as 0.

    It asks the network itself, whatever its layers are. (``monai.visualize`` has an occlusion that indexes
    tensors in a way that torch deprecated and will read otherwise.)

    Args:
        network: any classifier of which gradients can be taken.
        window: level, width in HU of the network's grid: it says which grey value aerated lung has.
        blocks: how many blocks an axis holds, half as wide again as their distance.
        tries: how many blocks are darkened; None darkens all, the slow check.
        batch_size: of darkened copies.
    """

    name = "occlusion"

    def __init__(
        self,
        network: nn.Module,
        window: tuple[float, float] = (-500.0, 1500.0),
        blocks: int = 8,
        tries: int | None = 32,
        batch_size: int = 8,
    ) -> None:
        self.network = network
        self.blocks = blocks
        self.tries = tries
        self.fill = float(to_window(torch.tensor(AERATED_LUNG), window))
        self.batch_size = batch_size

    def __call__(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        with eval_mode(self.network):
            pairs = zip(x, classes.tolist(), strict=True)
            return torch.stack([self._one(scan, target) for scan, target in pairs])

    def _one(self, scan: torch.Tensor, target: int) -> torch.Tensor:
        """Return the map of one scan ``(1, R, A, S)``."""
        dark = scan.clamp(max=self.fill)
        expected, plain = self._expected_loss(scan, dark, target)
        blocks = list(itertools.product(*(_overlapping(size, self.blocks) for size in scan.shape[1:])))
        promise = torch.stack([expected[block].sum() for block in blocks])
        changed = torch.stack([(scan[0] - dark[0])[block].sum() > 0 for block in blocks])
        order = promise.masked_fill(~changed, -torch.inf).argsort(descending=True, stable=True).tolist()
        chosen = [blocks[index] for index in order[: self.tries] if changed[index]]
        heat, covered = torch.zeros_like(scan[0], dtype=torch.float32), torch.zeros_like(scan[0])
        for block in blocks:
            covered[block] += 1
        for start in range(0, len(chosen), self.batch_size):
            some = chosen[start : start + self.batch_size]
            copies = scan.repeat(len(some), 1, 1, 1, 1)
            for copy, block in zip(copies, some, strict=True):
                copy[0][block] = dark[0][block]
            losses = plain - _log_odds(self.network(copies), target)
            for loss, block in zip(losses, some, strict=True):
                heat[block] += loss.clamp(min=0)
        return heat / covered

    def _expected_loss(
        self, scan: torch.Tensor, dark: torch.Tensor, target: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what darkening each voxel would cost by the gradient, ``(R, A, S)``, and the log-odds."""
        with torch.enable_grad():
            x = scan[None].detach().clone().requires_grad_()
            plain = _log_odds(self.network(x), target)
            (gradient,) = torch.autograd.grad(plain.sum(), x)
        return (gradient[0] * (scan - dark))[0], plain.detach()


def _log_odds(logits: torch.Tensor, target: int) -> torch.Tensor:
    """Return the log-odds of a class, ``(B,)``, from all classes' logits ``(B, C)``."""
    others = torch.cat([logits[:, :target], logits[:, target + 1 :]], dim=1)
    return (logits[:, target] - others.logsumexp(dim=1)).float()


def _overlapping(size: int, blocks: int) -> list[slice]:
    """Return equally distant blocks of an axis that cover it, each overlapping its neighbours."""
    step = size / blocks
    beyond = (OVERLAP - 1) / 2 * step
    ends = [(round(step * at - beyond), round(step * (at + 1) + beyond)) for at in range(blocks)]
    return [
        slice(low, high) for low, high in ((max(low, 0), min(high, size)) for low, high in ends) if low < high
    ]
