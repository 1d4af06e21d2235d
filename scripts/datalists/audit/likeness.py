r"""All pairs of nearly identical scans, mirrored or not, by matrix products."""

from collections.abc import Iterator

import numpy as np

__all__ = ["alike_pairs"]

BLOCK = 512  # scans compared with all others at a time: bounds the memory


def alike_pairs(signatures: np.ndarray, threshold: float) -> list[tuple[int, int, float]]:
    r"""Return the pairs whose signatures correlate, in the best of 8 mirrorings and of the cropped variants.

    A mirrored copy needs no product of its own. Split each signature by parity along each axis,
    ``f = sum of f_p`` over the eight p; mirroring by s only changes signs, so

    .. math:: \langle f, M_s g \rangle = \textstyle\sum_p (-1)^{s \cdot p} \langle f_p, g_p \rangle

    Args:
        signatures: ``(scans, variants, R, A, S)``, R, A and S even.
        threshold: least correlation.

    Returns:
        ``(i, j, correlation)`` with i < j. The time grows with the square of the scans.
    """
    count, variants = signatures.shape[:2]
    parts = _unit_parts(signatures)  # 8, scans, variants, cells
    signs = _signs()
    pairs = []
    for rows in _blocks(count):
        best = np.full((rows.stop - rows.start, count - rows.start), -1.0, dtype=np.float32)
        for first, second in [(0, v) for v in range(variants)] + [(v, 0) for v in range(1, variants)]:
            products = np.stack([p[rows, first] @ p[rows.start :, second].T for p in parts])
            for sign in signs:
                np.maximum(best, np.tensordot(sign, products, axes=1), out=best)
        for i, j in zip(*np.nonzero(best >= threshold), strict=True):
            if i < j:
                pairs.append((int(rows.start + i), int(rows.start + j), min(1.0, float(best[i, j]))))
    return pairs


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))


def _unit_parts(signatures: np.ndarray) -> np.ndarray:
    parts = [signatures.astype(np.float32)]
    for axis in (2, 3, 4):
        mirrored = [(part, np.flip(part, axis)) for part in parts]
        half = [slice(None)] * 5
        half[axis] = slice(signatures.shape[axis] // 2)
        parts = [
            ((part + sign * other) / np.sqrt(2))[tuple(half)] for part, other in mirrored for sign in (1, -1)
        ]
    flat = np.stack([part.reshape(*part.shape[:2], -1) for part in parts])
    length = np.sqrt((flat**2).sum(axis=(0, 3), keepdims=True))
    return flat / np.maximum(length, 1e-6)


def _signs() -> np.ndarray:
    """Return the sign of each of the 8 parts under each of the 8 mirrorings, ``(mirrorings, parts)``."""
    sign = np.array([[1, 1], [1, -1]], dtype=np.float32)
    return np.kron(np.kron(sign, sign), sign)
