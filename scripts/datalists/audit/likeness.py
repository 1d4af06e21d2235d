"""All pairs of nearly identical scans, mirrored or not, by matrix products."""

from collections.abc import Iterator

import numpy as np

__all__ = ["alike_pairs"]

BLOCK = 512  # scans compared with as many others at a time: bounds the memory


def alike_pairs(signatures: np.ndarray, threshold: float) -> list[tuple[int, int, float]]:
    r"""Return the pairs whose signatures correlate, in the best of 8 mirrorings and of the cropped variants.

    A mirrored copy needs no product of its own. Split each signature by parity along each axis,
    ``f = sum of f_p`` over the eight p; mirroring by s only changes signs, so

    .. math:: \langle f, M_s g \rangle = \textstyle\sum_p (-1)^{s \cdot p} \langle f_p, g_p \rangle

    Args:
        signatures: int8, ``(scans, variants, R, A, S)``, R, A and S even.
        threshold: least correlation.

    Returns:
        ``(i, j, correlation)`` with i < j. The time grows with the square of the scans.
    """
    pairs = []
    blocks = list(_blocks(len(signatures)))
    for number, rows in enumerate(blocks):
        first = _unit_parts(signatures[rows])
        for columns in blocks[number:]:
            second = first if columns == rows else _unit_parts(signatures[columns])
            best = _best(first, second)
            for i, j in zip(*np.nonzero(best >= threshold), strict=True):
                if rows.start + i < columns.start + j:
                    likeness = min(1.0, float(best[i, j]))
                    pairs.append((int(rows.start + i), int(columns.start + j), likeness))
    return sorted(pairs)


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))


def _best(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the best correlation of each of the first with each of the second, whole against any variant."""
    signs = np.array([[1, 1], [1, -1]], dtype=np.float32)
    signs = np.kron(np.kron(signs, signs), signs)  # mirrorings, parts
    best = np.full((first.shape[1], second.shape[1]), -1.0, dtype=np.float32)
    variants = range(first.shape[2])
    for a, b in [(0, v) for v in variants] + [(v, 0) for v in variants[1:]]:
        products = first[:, :, a] @ second[:, :, b].transpose(0, 2, 1)  # parts, first, second
        np.maximum(best, np.tensordot(signs, products, axes=1).max(0), out=best)
    return best


def _unit_parts(signatures: np.ndarray) -> np.ndarray:
    """Return the eight parity parts of unit signatures, ``(8, scans, variants, cells)``."""
    parts = [signatures.astype(np.float32)]
    for axis in (2, 3, 4):
        half = [slice(None)] * 5
        half[axis] = slice(signatures.shape[axis] // 2)
        parts = [
            ((part + sign * np.flip(part, axis)) / np.sqrt(2))[tuple(half)]
            for part in parts
            for sign in (1, -1)
        ]
    flat = np.stack([part.reshape(*part.shape[:2], -1) for part in parts])
    length = np.sqrt((flat**2).sum(axis=(0, 3), keepdims=True))
    return flat / np.maximum(length, 1e-6)
