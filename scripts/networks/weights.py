"""Weights on disk: read only as tensors, only into the network they were made for; and where it then runs."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from scripts.errors import UserError
from scripts.files import sha256_of

from .dual_attention import VideoResNet

__all__ = [
    "check_fit",
    "convert_r3d_18",
    "load_kinetics_weights",
    "load_weights",
    "place_network",
    "read_state_dict",
    "weights_hash",
]

SHOWN = 3
NESTED = ("state_dict", "model_state_dict", "model", "network")  # where others keep the weights
WRAPPERS = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Read a state dict into a network; every name and every shape must fit.

    Args:
        network: receives the weights, on whatever device it is.
        path: a state dict of tensors, as training writes to ``model.pt``.

    Raises:
        UserError: there is no such file, it is not a state dict, or names or shapes differ.
    """
    found = read_state_dict(path)
    check_fit(network, found, f"{path}: {type(network).__name__}")
    network.load_state_dict(found)


def check_fit(network: nn.Module, weights: Mapping[str, torch.Tensor], name: str) -> None:
    """Make sure that weights have the names and shapes of a network's.

    Args:
        network: that they are for.
        weights: a state dict.
        name: of the network or the file, for the message.

    Raises:
        UserError: they differ.
    """
    problems = _differences(weights, network.state_dict())
    if problems:
        raise UserError(
            f"{name}: does not fit {type(network).__name__}: {'; '.join(problems)}; name the network and the "
            f"spatial_shape that it was trained with"
        )


def read_state_dict(
    path: str | Path, advice: str = "train one, or name yours with --ckpt_path"
) -> dict[str, torch.Tensor]:
    """Read a state dict, as tensors only: no code in the file is run.

    Checkpoints from elsewhere may keep it under a name such as ``state_dict``, and put ``module.`` before
    each of its names; both are undone.

    Args:
        path: a file that ``torch.save`` wrote.
        advice: what to do where there is none.

    Raises:
        UserError: there is no such file, it is damaged, or it is not a plain state dict.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such checkpoint; {advice}")
    try:
        _check_archive(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds for a file that is not its own
        raise UserError(
            f"{path}: not a readable PyTorch checkpoint ({type(error).__name__}: {str(error)[:80]})"
        ) from error
    found = _unwrapped(found)
    if not found or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise UserError(
            f"{path}: not a plain state dict of tensors; expected what training writes to model.pt"
        )
    return found


def weights_hash(path: str | Path) -> str:
    """Return the SHA-256 of a checkpoint file, which names the weights in outputs."""
    return sha256_of(path)


def _check_archive(path: str | Path) -> None:
    """Hold the bytes of a checkpoint against its archive's checksums, which torch does not look at."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"damaged: the checksum of {damaged} differs")


def _unwrapped(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        return {}
    for name in NESTED:
        if isinstance(content.get(name), dict):
            content = content[name]
            break
    while prefix := next((one for one in WRAPPERS if _all_begin_with(one, content)), None):
        content = {name.removeprefix(prefix): value for name, value in content.items()}
    return dict(content)


def _all_begin_with(prefix: str, content: Mapping[Any, Any]) -> bool:
    return bool(content) and all(str(name).startswith(prefix) for name in content)


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


def place_network(network: nn.Module, device: torch.device | str) -> nn.Module:
    """Move a network to a device; on a GPU also lay it out channels-last and let matrix units use TF32.

    Args:
        network: moved in place.
        device: where it will run.

    Returns:
        The same network.
    """
    if torch.device(device).type != "cuda":
        return network.to(device)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    return network.to(device).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


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
