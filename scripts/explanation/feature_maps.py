"""Take what a layer gives during one forward pass, and let gradients begin there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from monai.networks.utils import eval_mode
from torch import nn

__all__ = ["feature_maps", "spread"]


@contextmanager
def feature_maps(network: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, torch.Tensor]]:
    """Hold the named layers' outputs of the forward pass inside the ``with``, as leaves of its graph.

    The network is in eval mode meanwhile. What lies before the layers runs without gradients, so the pass
    takes the memory of a prediction; on leaving, hooks are removed and the mode is restored.
    (``monai.visualize.GradCAM`` leaves its hooks behind, needs gradients through the whole network, and
    differentiates one class for all of the batch.)

    Args:
        network: whose batch normalisation, in eval mode, keeps the scans of a batch apart.
        layers: names as in ``network.named_modules()``; each gives one tensor.

    Yields:
        from the layer's name to its output, filled by the forward pass.
    """
    kept: dict[str, torch.Tensor] = {}

    def keep(name: str, module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        torch.set_grad_enabled(True)  # until eval_mode, which forbids gradients, ends
        kept[name] = output.detach().requires_grad_()
        return kept[name]

    with eval_mode(network):
        hooks = [network.get_submodule(name).register_forward_hook(partial(keep, name)) for name in layers]
        try:
            yield kept
        finally:
            for hook in hooks:
                hook.remove()


def spread(maps: torch.Tensor, spatial_shape: Sequence[int]) -> torch.Tensor:
    """Bring a deep layer's maps onto the grid, each voxel to the centre of what it sees.

    The networks halve an axis by convolutions of odd kernels padded by half their width: voxel i after k of
    them is centred on grid voxel ``2**k * i``, not in the middle of the cell ``[2**k * i, 2**k * (i + 1))``
    where ``F.interpolate`` would put it. For 96 voxels that became 3 the difference is 15.5 voxels.

    Args:
        maps: ``(B, R', A', S')``, each axis halved some times, rounded up.
        spatial_shape: the grid's R, A, S.

    Returns:
        ``(B, R, A, S)``, linear between centres and constant beyond the last.

    Raises:
        ValueError: an axis of the maps is not the grid's, halved.

    >>> spread(torch.tensor([[[[0.0]], [[1.0]]]]), (4, 1, 1)).flatten()
    tensor([0.0000, 0.5000, 1.0000, 1.0000])
    """
    sizes = list(zip(maps.shape[1:], spatial_shape, strict=True))
    reach = [(small - 1) * _stride(small, large) + 1 for small, large in sizes]
    between = F.interpolate(maps[:, None].float(), size=reach, mode="trilinear", align_corners=True)
    beyond = [(0, large - covered) for covered, (_, large) in zip(reach, sizes, strict=True)]
    return F.pad(between, [n for pair in reversed(beyond) for n in pair], mode="replicate")[:, 0]


def _stride(small: int, large: int) -> int:
    """Return the power of two by which an axis became small."""
    stride, size = 1, large
    while size > small:
        stride, size = 2 * stride, -(-size // 2)
    if size != small:
        raise ValueError(f"{small} voxels do not come from {large} by halving")
    return stride
