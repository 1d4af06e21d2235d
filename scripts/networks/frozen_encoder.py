"""An encoder that stays as it is, the store of its features, and a linear classifier on them."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from scripts.errors import UserError
from scripts.files import read_archive, write_whole

from .encoders import Encoder, encoder_hash, load_encoder
from .spatial_shape import check_input

__all__ = ["EncoderProbe", "FeatureStore", "FrozenEncoder", "fold_normalisations", "remember_features"]

LOADED: WeakValueDictionary[tuple[str, str], nn.Module] = WeakValueDictionary()  # by hash and precision
PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}


class FrozenEncoder(nn.Module):
    """An encoder with its weights, never trained and never saved: a hash names them.

    They are read when the first scan is encoded, or by :meth:`load`, onto that scan's device. Its state dict
    is empty, training mode does not reach it, and all of a process share the weights, so an ensemble of
    probes holds them once. Batch normalisations are folded into their convolutions.

    Args:
        encoder: of the table :data:`scripts.networks.ENCODERS`.
        spatial_shape: the grid's size along R, A and S in voxels: the encoder's own.
        sha256: of the file of weights, as a model that was trained on its features records it; None: the
            packaged file's, or whatever the user's own file has.
        precision: "bfloat16" or "float32", of weights and feature maps; docs/encoder.md compares them.

    Shape: ``(B, 1, R, A, S)``, 0..1, to feature maps ``(B, C, r, a, s)``, float32.

    Raises:
        UserError: the weights are missing or others, or the grid is not the encoder's.
    """

    def __init__(
        self,
        encoder: Encoder,
        spatial_shape: Sequence[int] | None = None,
        sha256: str | None = None,
        precision: str = "bfloat16",
    ) -> None:
        super().__init__()
        self.spatial_shape = [int(size) for size in spatial_shape or encoder.spatial_shape]
        if self.spatial_shape != list(encoder.spatial_shape):
            raise UserError(
                f"spatial_shape={self.spatial_shape}: the encoder {encoder.name} knows the grid "
                f"{list(encoder.spatial_shape)} only; set spatial_shape to it"
            )
        if precision not in PRECISIONS:
            raise UserError(f"precision={precision!r} is not one of {', '.join(PRECISIONS)}")
        self.encoder = encoder
        self.sha256 = encoder_hash(encoder, sha256)
        self.precision = precision
        self.dtype = PRECISIONS[precision]
        self.store: FeatureStore | None = None
        self.network: Any = None  # a module once it is loaded
        self.register_load_state_dict_pre_hook(_add_own_weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_input(x, self.spatial_shape)
        if not torch.jit.is_scripting():
            self.load(x.device)
        grids = x.to(self.dtype, memory_format=torch.channels_last_3d)
        return self.network(grids).float()

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return what a scan is to the encoder, ``(B, C)``: the mean of its maps over positions.

        With a ``store``, a grid whose feature is in it is not encoded again, unless somebody watches the
        layers, as a heat map does.
        """
        if torch.jit.is_scripting():
            return self(x).mean(dim=(2, 3, 4))
        return self._remembered(x)

    @torch.jit.unused
    def load(self, device: torch.device | None = None) -> "FrozenEncoder":
        """Read the weights, where they are not read yet; return the encoder.

        Args:
            device: where they go; None leaves them where they are.

        Raises:
            UserError: see :func:`scripts.networks.load_encoder`.
        """
        with torch.inference_mode(False):  # what is made in it could never be written to again
            if self.network is None:
                key = self.sha256, self.precision
                self.network = LOADED[key] = LOADED.get(key) or self._read()
            if device is not None and device != next(self.network.parameters()).device:
                self.network.to(device)
        return self

    def _read(self) -> nn.Module:
        network = fold_normalisations(load_encoder(self.encoder, self.sha256).float()).to(self.dtype)
        return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    @torch.jit.unused
    def _remembered(self, x: torch.Tensor) -> torch.Tensor:
        watched = self.network is not None and any(m._forward_hooks for m in self.network.modules())
        if self.store is None or watched or torch.compiler.is_compiling():  # an export has no store
            return self(x).mean(dim=(2, 3, 4))
        keys = [self.store.key(grid, f"{self.sha256} {self.precision}") for grid in x]
        missing = [index for index, key in enumerate(keys) if self.store.find(key) is None]
        if missing:
            for index, feature in zip(missing, self(x[missing]).mean(dim=(2, 3, 4)), strict=True):
                self.store.keep(keys[index], feature)
        return torch.stack([self.store.known[key] for key in keys]).to(x.device)

    def train(self, mode: bool = True) -> "FrozenEncoder":
        """Stay in eval mode, whatever is asked for."""
        return super().train(False)

    def state_dict(self, *args: Any, destination: Any = None, **kwargs: Any) -> Any:
        """Return nothing: the weights lie in a file of their own."""
        return {} if destination is None else destination

    def __deepcopy__(self, memo: dict[int, Any]) -> "FrozenEncoder":
        return self


class EncoderProbe(nn.Module):
    r"""Classify a scan by a linear map of its standardised features.

    .. math:: z = W \, \frac{\bar F - \mu}{\sigma} + b

    with :math:`\bar F` the mean of the encoder's maps F over positions. The state dict holds
    :math:`\mu, \sigma, W, b`, a few kB. It starts with :math:`\mu = 0, \sigma = 1, W = 0, b = 0`: a probe
    is fitted on features that were computed once (:mod:`scripts.features`), not by gradients.

    Args:
        encoder: stays as it is.
        channels: C.
        num_classes: number of logits.

    Shape: ``(B, 1, R, A, S)`` to ``(B, num_classes)``.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, encoder: FrozenEncoder, channels: int, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))
        self.fc = nn.Linear(channels, num_classes)
        nn.init.zeros_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.encoder.features(x))

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits, ``(B, num_classes)``, of features, ``(B, C)``."""
        return self.fc((features - self.mean) / self.scale)

    def class_maps(self, maps: torch.Tensor) -> torch.Tensor:
        """Return what each position adds to each logit.

        Class activation maps (Zhou et al., CVPR 2016, Eq. 2) of standardised features. Their mean over
        positions is the logit less its bias: they account for the prediction exactly.

        Args:
            maps: of the encoder, ``(B, C, r, a, s)``.

        Shape: to ``(B, num_classes, r, a, s)``.
        """
        weights = self.fc.weight / self.scale
        return torch.einsum("nc,bcras->bnras", weights, maps - self.mean[:, None, None, None])


def remember_features(network: nn.Module, folder: str | Path | None = None) -> nn.Module:
    """Let the encoders in a network encode each grid once, whoever asks: the members of an ensemble, say.

    Args:
        network: any; changed in place.
        folder: where features stay beyond this process; None keeps them in memory.

    Returns:
        The same network.
    """
    store = FeatureStore(folder)
    for module in network.modules():
        if isinstance(module, FrozenEncoder):
            module.store = store
    return network


def fold_normalisations(network: nn.Module) -> nn.Module:
    """Put each batch normalisation that follows a convolution into that convolution, in place.

    Args:
        network: in eval mode; a convolution and its normalisation are neighbours in their module.

    Returns:
        The same network, which computes the same in half the time on a CPU.
    """
    for module in list(network.modules()):
        for (name, first), (follower, second) in pairwise(list(module.named_children())):
            if isinstance(first, nn.Conv3d) and isinstance(second, nn.BatchNorm3d):
                setattr(module, name, fuse_conv_bn_eval(first, second))
                setattr(module, follower, nn.Identity())
    return network


def _add_own_weights(
    module: nn.Module, state_dict: Mapping[str, torch.Tensor], prefix: str, *others: Any
) -> None:
    """Let strict loading of a probe find the encoder's weights where its file has none."""
    for name, value in nn.Module.state_dict(module).items():
        state_dict[prefix + name] = value  # type: ignore[index]


class FeatureStore:
    """Keep features in memory, and in a folder where one is named: no scan is encoded twice.

    A feature is found by the voxels that the encoder would see, so a scan has one entry whatever its name,
    folder and format, and a change of what comes before the encoder never finds an old one. A file is a
    NumPy archive, appears whole, and its checksum is verified; runs may share the folder, and an interrupted
    one goes on.

    Args:
        folder: made where it is missing; None keeps features in memory only.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        self.known: dict[str, torch.Tensor] = {}

    @staticmethod
    def key(grid: torch.Tensor, encoder: str) -> str:
        """Return the name of a grid's entry, 64 hexadecimal digits.

        Args:
            grid: what the encoder sees of one scan.
            encoder: all that its features depend on besides: the weights' hash, and the precision.
        """
        voxels = np.ascontiguousarray(grid.detach().cpu().numpy())
        digest = hashlib.sha256(f"{encoder} {voxels.dtype} {voxels.shape}\n".encode())
        digest.update(voxels.data)
        return digest.hexdigest()

    def find(self, key: str) -> torch.Tensor | None:
        """Return a feature, ``(C,)``, or None where there is none or its file is damaged."""
        if key not in self.known and self.folder is not None:
            try:
                with np.load(read_archive(self.folder / f"{key}.npz"), allow_pickle=False) as stored:
                    self.known[key] = torch.from_numpy(stored["feature"])
            except (OSError, ValueError, EOFError, KeyError):
                return None
        return self.known.get(key)

    def keep(self, key: str, feature: torch.Tensor) -> None:
        """Add a feature, ``(C,)``."""
        self.known[key] = feature.detach().cpu().clone()
        if self.folder is not None:
            values = self.known[key].numpy()
            write_whole(self.folder / f"{key}.npz", lambda file: np.savez(file, feature=values))
