"""Nearly the same scan under two patients' names: signatures, all pairs of them, and the check.

Mirrored copies are found by matrix products: coarsely, then exactly.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from scripts.scans import Scan, resample

from .findings import FAILED, PASSED, WARNING, Finding, counted

__all__ = [
    "ALIKE",
    "GRID",
    "VARIANTS",
    "alike_pairs",
    "check_near_identical",
    "content_hash",
    "signature",
]

GRID = (24, 20, 32)  # cells along R, A, S over the whole scan; even, so that halves can be mirrored
VARIANTS = 3  # the whole scan; without its last slice; without its first
CLIP = (0.4, 0.95)  # quantiles: air, padding and most of the lung below, bone and metal above, say little
LOCAL = 0.7  # cells: what is smoother than this all chests have in common
BLOCK = 512  # scans at a time: bounds the memory
SKETCH = 96  # numbers that stand for each of a signature's eight parts
SLACK = 0.15  # that a sketch's correlation may fall short: 6 standard deviations and more at 0.9
ALIKE = 0.9  # correlation of two signatures; docs/audit.md has what copies and strangers reach


def content_hash(scan: Scan) -> str:
    """Return a SHA-256 of the voxels in canonical orientation, whatever file they were read from."""
    voxels = np.ascontiguousarray(scan.voxels)
    digest = hashlib.sha256(str((voxels.shape, voxels.dtype.kind)).encode())
    digest.update(voxels.astype(np.float32 if voxels.dtype.kind == "f" else np.int32, copy=False).tobytes())
    return digest.hexdigest()


def signature(scan: Scan) -> np.ndarray:
    """Return what a scan looks like on a small grid, freed of what all chests share.

    The box of the scan, not millimetres, carries the grid, so a lost spacing does not matter; quantiles
    clip the values and the length is normalised, so an offset or a slope does not; the variants without an
    end slice meet scans that were cropped by one.

    Args:
        scan: in any unit.

    Returns:
        int8, shape ``(VARIANTS, *GRID)``; each variant has mean 0 and length 127 * k for a k of its own.
    """
    low, high = np.full(3, -0.5), np.array(scan.voxels.shape) - 0.5
    columns = resample(scan.voxels, low, high, (*GRID[:2], scan.voxels.shape[2])).numpy()
    columns = np.clip(columns, *np.quantile(columns, CLIP))
    low, high = np.full(3, -0.5), np.array(columns.shape) - 0.5
    slice_ = np.array([0, 0, 1])
    crops = [(low, high), (low, high - slice_), (low + slice_, high)]
    return np.stack([_detail(resample(columns, *crop, GRID).numpy()) for crop in crops])


def _detail(cells: np.ndarray) -> np.ndarray:
    detail = cells - ndimage.gaussian_filter(cells, LOCAL, mode="nearest")
    detail -= detail.mean()
    return np.round(127 / max(float(np.abs(detail).max()), 1e-6) * detail).astype(np.int8)


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


def check_near_identical(items: Sequence[dict[str, Any]], signatures: Mapping[str, np.ndarray]) -> Finding:
    """Find scans of two patients that are copies: saved anew, cropped by a slice, mirrored, on another scale.

    Two scans of one patient in one place may be alike: two kernels of one acquisition are.

    Args:
        items: each with ``key``, ``name``, ``patient`` and ``place``.
        signatures: by ``key``, see :func:`signature`.
    """
    items = [item for item in items if item["key"] in signatures]
    if len(items) < 2:
        return Finding("near_identical_scans", PASSED, "fewer than two scans to compare")
    alike = alike_pairs(np.stack([signatures[item["key"]] for item in items]), ALIKE)
    pairs = [(items[i], items[j], likeness) for i, j, likeness in alike]
    over_split = [pair for pair in pairs if pair[0]["place"] != pair[1]["place"]]
    strangers = [pair for pair in pairs if str(pair[0]["patient"]) != str(pair[1]["patient"])]
    numbers = {"pairs": len(pairs), "over_split": len(over_split), "two_patients": len(strangers)}
    named = sorted({id(p): p for p in (*over_split, *strangers)}.values(), key=lambda pair: -pair[2])
    lines = [
        f"{a['name']} (patient {a['patient']}, {a['place']}) ~ {b['name']} (patient {b['patient']}, "
        f"{b['place']}): likeness {likeness:.3f}"
        for a, b, likeness in named
    ]
    if not named:
        same = f", but {counted(len(pairs), 'pair')} of one patient in one place" if pairs else ""
        return Finding(
            "near_identical_scans",
            PASSED,
            f"of {len(items)} scans no two patients' are alike{same}",
            numbers=numbers,
        )
    return Finding(
        "near_identical_scans",
        FAILED if over_split else WARNING,
        f"{counted(len(pairs), 'pair')} of scans nearly alike, {len(strangers)} under two patients' names, "
        f"{len(over_split)} over a split; look at them, and give the two names of a patient one name",
        hard=bool(over_split),
        lines=lines,
        numbers=numbers,
    )
