"""Weights on disk: read only as tensors, and only into the network they were made for."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from scripts.errors import UserError

__all__ = ["check_fit", "load_weights", "read_state_dict", "weights_hash"]

SHOWN = 3


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Read a state dict into a network; every name and every shape must fit.

    Args:
        network: receives the weights, on whatever device it is.
        path: a state dict of tensors, as training writes to ``model.pt``.

    Raises:
        UserError: there is no such file, it is not a state dict, or names or shapes differ.
    """
    found = read_state_dict(path, "train one, or name yours with --ckpt_path")
    check_fit(network, found, str(path))
    network.load_state_dict(found)


def check_fit(network: nn.Module, weights: Mapping[str, torch.Tensor], name: str) -> None:
    """Make sure that weights have the names and shapes of a network's.

    Args:
        network: that they are for.
        weights: a state dict.
        name: of the file, for the message.

    Raises:
        UserError: they differ.
    """
    problems = _differences(weights, network.state_dict())
    if problems:
        raise UserError(
            f"{name}: does not fit {type(network).__name__}: {'; '.join(problems)}. "
            f"Run with the recipe (network and spatial_shape) that the checkpoint was trained with"
        )


def read_state_dict(path: str | Path, advice: str) -> dict[str, torch.Tensor]:
    """Read a state dict, as tensors only: no code in the file is run.

    Args:
        path: a file that ``torch.save`` wrote.
        advice: what to do where there is none.

    Raises:
        UserError: there is no such file, or it is not a plain state dict.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such checkpoint; {advice}")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds for a file that is not its own
        raise UserError(f"{path}: not a readable PyTorch checkpoint ({type(error).__name__})") from error
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise UserError(
            f"{path}: not a plain state dict of tensors; expected what training writes to model.pt"
        )
    return found


def weights_hash(path: str | Path) -> str:
    """Return the SHA-256 of a checkpoint file, which names the weights in outputs."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _differences(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> list[str]:
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    reshaped = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected
        if name in found and found[name].shape != expected[name].shape
    ]
    kinds = {"missing": missing, "unknown": unknown, "of another shape": reshaped}
    return [f"{len(names)} {kind} ({_some(names)})" for kind, names in kinds.items() if names]


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
