"""An encoder of the form of the packaged one, with few channels and weights by formula."""

import hashlib
import io
import math
from functools import partial

import torch

from scripts.networks import Encoder, InflatedResNet, convert_inflated_resnet
from scripts.transforms import BodyRegion

CHANNELS, BLOCKS = 4, (1, 2, 1, 1)
SHAPE = (64, 32, 48)  # R, A, S


def formula(*shape, phase=0.0):
    """Return numbers from -1 to 1 that look drawn and are the same everywhere, float64."""
    return torch.sin(torch.arange(math.prod(shape), dtype=torch.float64) * 0.7390851 + phase).reshape(shape)


def layers():
    """Yield the checkpoint's convolutions: name, its normalisation's, channels in and out, kernel's width."""
    yield "conv1", "bn1", 3, CHANNELS, 7
    width = CHANNELS
    for layer, count in enumerate(BLOCKS):
        narrow, wide = CHANNELS * 2**layer, 4 * CHANNELS * 2**layer
        for block in range(count):
            name = f"layer{layer + 1}.{block}"
            yield f"{name}.conv1", f"{name}.bn1", width, narrow, 1
            yield f"{name}.conv2", f"{name}.bn2", narrow, narrow, 3
            yield f"{name}.conv3", f"{name}.bn3", narrow, wide, 1
            if block == 0:
                yield f"{name}.downsample.0", f"{name}.downsample.1", width, wide, 1
            width = wide


def small_weights():
    """Return a state dict with torchvision's names, kernels over S, R, A, and three colours, float32."""
    weights = {}
    for phase, (convolution, normalisation, width, channels, size) in enumerate(layers()):
        depth = 1 if size == 1 else 3
        kernel = formula(channels, width, depth, size, size, phase=phase)
        weights[f"{convolution}.weight"] = kernel * math.sqrt(4 / kernel[0].numel())
        weights[f"{normalisation}.weight"] = 1 + 0.3 * formula(channels, phase=phase + 0.1)
        weights[f"{normalisation}.bias"] = 0.3 * formula(channels, phase=phase + 0.2)
        weights[f"{normalisation}.running_mean"] = 0.2 * formula(channels, phase=phase + 0.3)
        weights[f"{normalisation}.running_var"] = 1 + 0.5 * formula(channels, phase=phase + 0.4) ** 2
        weights[f"{normalisation}.num_batches_tracked"] = torch.tensor(1)
    return {name: value.float() if value.ndim else value for name, value in weights.items()}


def file_of(content):
    """Return the bytes that torch.save writes."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


CONTENT = file_of({"state_dict": small_weights(), "meta": {"n_tensor": len(small_weights())}})
SMALL = Encoder(
    name="small",
    network=partial(InflatedResNet, CHANNELS, BLOCKS),
    convert=convert_inflated_resnet,
    prefixes=("", "encode_image.i3_resnet.", "visual_encoder.model.encode_image.i3_resnet."),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    shards=("small_encoder_p1", "small_encoder_p2"),
    channels=32 * CHANNELS,
    spatial_shape=SHAPE,
    window=(-400.0, 1200.0),
    region=BodyRegion(),
    licence="none",
)


def install(folder, content=CONTENT):
    """Write the shards into a folder as packages; on sys.path, they are installed."""
    half = len(content) // 2
    for shard, part in zip(SMALL.shards, (content[:half], content[half:]), strict=True):
        (folder / shard).mkdir()
        (folder / shard / "__init__.py").write_text("raise RuntimeError('code of a package ran')\n")
        (folder / shard / "part.bin").write_bytes(part)
