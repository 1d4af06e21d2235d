"""A label map as text, so that it travels with a scan's grid like any of its flags."""

import base64
import zlib

import numpy as np

from .lobe_map import LobeMap

__all__ = ["pack_lobes", "unpack_lobes"]

GEOMETRY = 19 * 8  # bytes of the shape and the affine
HEADER = GEOMETRY + 64  # and of the weights' SHA-256 in hexadecimal


def pack_lobes(lobes: LobeMap) -> str:
    """Write a label map with its affine and maker as text: unlike volumes of any shape, texts collate.

    Args:
        lobes: some 30 kB on the lobe network's grid.
    """
    geometry = np.array([*lobes.labels.shape, *lobes.affine.ravel()], dtype="<f8").tobytes()
    content = geometry + lobes.weights.ljust(64).encode("ascii") + lobes.labels.tobytes()
    return base64.b85encode(zlib.compress(content)).decode("ascii")


def unpack_lobes(text: str) -> LobeMap:
    """Return the label map of :func:`pack_lobes`, but for what was noticed while it was made."""
    content = zlib.decompress(base64.b85decode(text))
    geometry = np.frombuffer(content[:GEOMETRY], dtype="<f8")
    labels = np.frombuffer(content[HEADER:], dtype=np.uint8).reshape(geometry[:3].astype(int))
    weights = content[GEOMETRY:HEADER].decode("ascii").strip()
    return LobeMap(labels, geometry[3:].reshape(4, 4), weights=weights)
