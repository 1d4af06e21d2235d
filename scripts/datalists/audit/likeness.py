"""All pairs of nearly identical scans, mirrored or not, by matrix products: coarsely, then exactly."""

from collections.abc import Iterator

import numpy as np

__all__ = ["alike_pairs"]

BLOCK = 512  # scans at a time: bounds the memory
SKETCH = 96  # numbers that stand for each of a signature's eight parts
SLACK = 0.15  # that a sketch's correlation may fall short: 6 standard deviations and more at 0.9


def alike_pairs(signatures: np.ndarray, threshold: float) -> list[tuple[int, int, float]]:
    r"""Return the pairs whose signatures correlate, in the best of 8 mirrorings and of the cropped variants.

    A mirrored copy needs no product of its own. Split each signature by parity along each axis,
    ``f = sum of f_p`` over the eight p; mirroring by s only changes signs, so

    .. math:: \langle f, M_s g \rangle = \textstyle\sum_p (-1)^{s \cdot p} \langle f_p, g_p \rangle

    Sketches, random projections of the parts, keep correlations all but unchanged (Johnson and
    Lindenstrauss, 1984) and are a twentieth of the size: they are compared first, and only pairs within
    :data:`SLACK` of the threshold are compared whole. The correlations returned are exact.

    Args:
        signatures: int8, ``(scans, variants, R, A, S)``, R, A and S even.
        threshold: least correlation.

    Returns:
        ``(i, j, correlation)`` with i < j. The time grows with the square of the scans.
    """
    sketches = _sketches(signatures)
    pairs = []
    for rows in _blocks(len(signatures)):
        for columns in _blocks(len(signatures), rows.start):
            coarse = _best(sketches[:, rows], sketches[:, columns])
            for i, j in np.add(np.argwhere(coarse >= threshold - SLACK), (rows.start, columns.start)):
                if i < j:
                    whole = _best(_unit_parts(signatures[[i]]), _unit_parts(signatures[[j]]))
                    pairs.append((int(i), int(j), min(1.0, float(whole[0, 0]))))
    return sorted(pair for pair in pairs if pair[2] >= threshold)


def _blocks(count: int, first: int = 0) -> Iterator[slice]:
    for start in range(first, count, BLOCK):
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


def _sketches(signatures: np.ndarray) -> np.ndarray:
    """Return random projections of the parts of unit signatures, ``(8, scans, variants, SKETCH)``."""
    cells = int(np.prod(signatures.shape[2:])) // 8
    projection = np.random.default_rng(0).normal(size=(8, 1, cells, SKETCH)).astype(np.float32)
    blocks = [_unit_parts(signatures[rows]) @ projection for rows in _blocks(len(signatures))]
    return _unit(np.concatenate(blocks, axis=1))


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
    return _unit(np.stack([part.reshape(*part.shape[:2], -1) for part in parts]))


def _unit(parts: np.ndarray) -> np.ndarray:
    return parts / np.maximum(np.sqrt((parts**2).sum(axis=(0, 3), keepdims=True)), 1e-6)
