"""A label map as text, so that it travels with a scan's grid like any of its flags."""

import base64
import zlib

import numpy as np

from .lobe_map import LobeMap

__all__ = ["pack_lobes", "unpack_lobes"]


def pack_lobes(lobes: LobeMap) -> str:
    """Write a label map and its affine as text: volumes of different shapes do not collate, texts do.

    Args:
        lobes: some 30 kB on the lobe network's grid.
    """
    header = np.array([*lobes.labels.shape, *lobes.affine.ravel()], dtype="<f8").tobytes()
    return base64.b85encode(zlib.compress(header + lobes.labels.tobytes())).decode("ascii")


def unpack_lobes(text: str) -> LobeMap:
    """Return the label map of :func:`pack_lobes`, but for what was noticed while it was made."""
    content = zlib.decompress(base64.b85decode(text))
    header = np.frombuffer(content[: 19 * 8], dtype="<f8")
    shape = header[:3].astype(int)
    return LobeMap(np.frombuffer(content[19 * 8 :], dtype=np.uint8).reshape(shape), header[3:].reshape(4, 4))
