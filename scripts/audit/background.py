"""What a scan shows outside the lungs: air, table, chest wall, padding."""

import numpy as np
from scipy import ndimage

from scripts.scans import Scan

__all__ = ["background_features", "constant_share", "is_masked_body"]

TISSUE = -320.0  # HU: halfway between aerated lung and soft tissue
ROOM_AIR = -900.0  # HU: below lies the room's air
FAT = -30.0  # HU: below is fat, above is muscle
ENHANCED = 120.0  # HU: bone and contrast medium; no lesion of the lung
WALL = 15.0  # mm under the skin: fat, muscle and ribs, nowhere lung
SAMPLED = 8  # slices whose noise is measured
MASKED = 0.5  # of the voxels: more that hold one single value than a circular field blanks (0.21)
BRIGHT = 0.5  # of the other voxels: a body is mostly soft tissue, a pair of lungs is not
FEWEST = 50  # voxels a median is taken of


def constant_share(scan: Scan) -> tuple[float, float]:
    """Return the most frequent value of the voxels and its share of them, from a part of them."""
    step = np.maximum(1, np.array(scan.voxels.shape) // 64)
    values, counts = np.unique(scan.voxels[:: step[0], :: step[1], :: step[2]], return_counts=True)
    best = int(counts.argmax())
    return float(values[best]), float(counts[best] / counts.sum())


def is_masked_body(scan: Scan) -> bool:
    """Return whether little but the lungs was left in a scan, the rest set to one value.

    Works in HU and on grey levels alike: more than half of the voxels hold one value, and of the others
    the brighter half of the range is the smaller part, as it is in lungs and is not in a body.
    """
    value, share = constant_share(scan)
    if share <= MASKED:
        return False
    step = np.maximum(1, np.array(scan.voxels.shape) // 64)
    rest = scan.voxels[:: step[0], :: step[1], :: step[2]].ravel()
    rest = rest[rest != value]
    if not len(rest):
        return False
    low, high = np.quantile(rest, (0.01, 0.99))
    return float((rest > (low + high) / 2).mean()) < BRIGHT


def background_features(scan: Scan) -> dict[str, float | None]:
    """Describe the room's air, the table, and the outermost 15 mm of the body: no lesion reaches there.

    The body includes all that lies between its sides: what is in the lungs changes nothing.

    Args:
        scan: in HU; of other scans the numbers still compare classes.

    Returns:
        Shares 0 to 1 and HU; None where there is too little to measure.
    """
    coarse = scan.coarse
    body = _body(coarse.voxels > TISSUE)
    pixel = coarse.spacing[0]
    inner = ndimage.binary_erosion(
        body, ndimage.generate_binary_structure(2, 1)[:, :, None], round(WALL / pixel), border_value=1
    )
    wall, outside = coarse.voxels[body & ~inner], coarse.voxels[~body]
    value, share = constant_share(scan)
    air, table = outside[outside < ROOM_AIR], outside[(outside > ROOM_AIR) & (outside < TISSUE)]
    fat, muscle = wall[(wall < FAT) & (wall > TISSUE)], wall[(wall >= FAT) & (wall < ENHANCED)]
    return {
        "constant_share": share,
        "constant_value": value,
        "lowest_value": float(scan.voxels.min()),
        "air_share": float(air.size / coarse.voxels.size),
        "air_level": _median(air),
        "air_spread": _spread(air),
        "table_share": float(table.size / max(1, outside.size)),
        "table_level": _median(table),
        "wall_fat_share": float(fat.size / wall.size) if wall.size >= FEWEST else None,
        "wall_fat_level": _median(fat),
        "wall_muscle_level": _median(muscle),
        "wall_muscle_spread": _spread(muscle),
        "bright_share": float((coarse.voxels > ENHANCED).sum() / max(1, body.sum())),
        "noise": _noise(scan, body & ~inner),
    }


def _body(tissue: np.ndarray) -> np.ndarray:
    """Return the largest piece of tissue, and all that it has on both sides: lungs, whatever opens them."""
    solid = ndimage.minimum_filter(tissue, (3, 3, 1), mode="nearest")
    labels, count = ndimage.label(solid)
    if not count:
        return np.zeros_like(tissue)
    body = (
        ndimage.maximum_filter(labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]), (3, 3, 1)) & tissue
    )
    return body | (_between(body, 0) & _between(body, 1))


def _between(body: np.ndarray, axis: int) -> np.ndarray:
    """Return the voxels that have body on both sides along an axis."""
    after = np.logical_or.accumulate(body, axis)
    before = np.flip(np.logical_or.accumulate(np.flip(body, axis), axis), axis)
    return after & before


def _noise(scan: Scan, wall: np.ndarray) -> float | None:
    """Return half the usual difference of neighbouring voxels in the chest wall: noise and kernel."""
    size, small = scan.voxels.shape, wall.shape
    nearest = [np.arange(n) * m // n for n, m in zip(size, small, strict=True)]
    differences = []
    for k in np.linspace(0, size[2] - 1, SAMPLED).astype(int):
        plane = scan.voxels[:, :, k].astype(np.float32)
        where = wall[:, :, nearest[2][k]][np.ix_(nearest[0], nearest[1])]
        where &= (plane > FAT) & (plane < ENHANCED)
        both = where[1:] & where[:-1]
        differences.append(np.abs(np.diff(plane, axis=0)[both]))
    return _median(np.concatenate(differences))


def _median(values: np.ndarray) -> float | None:
    return round(float(np.median(values)), 1) if values.size >= FEWEST else None


def _spread(values: np.ndarray) -> float | None:
    """Return the distance of the quartiles."""
    return round(float(np.subtract(*np.quantile(values, (0.75, 0.25)))), 1) if values.size >= FEWEST else None
