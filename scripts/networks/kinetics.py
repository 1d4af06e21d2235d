"""Kinetics-400 weights of torchvision's r3d_18 as a start for the networks of Shi et al."""

from collections.abc import Mapping
from pathlib import Path

import torch

from scripts.errors import UserError

from .dual_attention import VideoResNet
from .weights import read_state_dict

__all__ = ["convert_r3d_18", "load_kinetics_weights"]


def load_kinetics_weights(network: VideoResNet, weights_file: str | Path) -> VideoResNet:
    """Fill a network's convolutions and batch normalisations from torchvision's ``r3d_18``; return it.

    Attentions and the last layer keep their own initialisation. Nothing is downloaded.

    Args:
        network: one of Shi et al.'s four, e.g. :func:`scripts.networks.da_ca_resnet18`.
        weights_file: a state dict of ``torchvision.models.video.r3d_18``, saved with ``torch.save``.

    Raises:
        UserError: there is no such file, or it holds something else.
    """
    weights = read_state_dict(weights_file, "save r3d_18's state dict with torch.save and name it here")
    converted = convert_r3d_18(weights)
    own = {name: value for name, value in network.features.state_dict().items() if "_attention." not in name}
    differing = [name for name in {**own, **converted} if _shape(own, name) != _shape(converted, name)]
    if differing:
        raise UserError(
            f"{weights_file}: not r3d_18's state dict; {len(differing)} tensors differ, e.g. {differing[0]}"
        )
    network.features.load_state_dict(converted, strict=False)
    return network


def convert_r3d_18(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Translate ``r3d_18``'s state dict to that of :class:`VideoResNet`'s ``features``.

    The stem's three colours are summed, which is what a grey image shown as red, green and blue gives; the
    kernels' axes (frame, row, column) become (R, A, S): column, row, frame. ``fc`` is left out.
    """
    features = {name: weight for name, weight in weights.items() if not name.startswith("fc.")}
    if "stem.0.weight" in features:
        features["stem.0.weight"] = features["stem.0.weight"].sum(dim=1, keepdim=True)
    return {name: weight.transpose(2, 4) if weight.ndim == 5 else weight for name, weight in features.items()}


def _shape(weights: Mapping[str, torch.Tensor], name: str) -> torch.Size | None:
    return weights[name].shape if name in weights else None
