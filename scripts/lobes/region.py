"""The box of the lobes, PARL's crop for the classifier; and lobes packed into a few bytes for a cache."""

import base64
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from scripts.scans import Scan
from scripts.transforms import Box, LungRegion

from .lobe_map import LobeMap, read_lobes

__all__ = ["LobeRegion", "pack_lobes", "unpack_lobes"]


@dataclass(frozen=True)
class LobeRegion:
    """The box of the lobes (PARL, section 3.1), from the best source that there is.

    In this order: the mask that the datalist gives with the scan; the lobe network; the convex hull of the
    coarse lung mask. Lobes that cannot be a patient's are not passed on: the next source takes their place.
    The box's flags say which it was (``box_from_lobe_mask``, ``box_from_lobe_network``,
    ``box_from_lung_mask``), and why another was not, as in ``lobe_network_left_right_swapped``.

    Args:
        margin: added on all six sides, in mm; the same for all sources, so that their boxes are alike.
        segmenter: scan -> lobes, e.g. ``LobeSegmenter``; None leaves the network out.
        table: how the datalist's masks are numbered, a key of ``LABEL_TABLES``.
    """

    margin: float = 10.0
    segmenter: Callable[[Scan], LobeMap] | None = None
    table: str = "bundle"

    def __call__(self, scan: Scan) -> Box:
        problems: tuple[str, ...] = ()
        if scan.lobes is not None:
            lobes = read_lobes(scan.lobes, scan, self.table)
            problems = tuple(f"lobe_mask_{flag}" for flag in lobes.flags())
            if not problems:
                checked = LungRegion(self.margin)(scan)  # refuses a scan that is no whole chest
                return self._box(scan, lobes, ("box_from_lobe_mask", *checked.flags))
        if self.segmenter is not None:
            lobes = self.segmenter(scan)
            found = tuple(f"lobe_network_{flag}" for flag in lobes.flags())
            problems += found
            if not found:
                box = self._box(scan, lobes, ("box_from_lobe_network", *problems, *lobes.found))
                return replace(box, lobes=pack_lobes(lobes))
        box = LungRegion(self.margin)(scan)
        return Box(box.low, box.high, ("box_from_lung_mask", *problems, *box.flags))

    def _box(self, scan: Scan, lobes: LobeMap, flags: tuple[str, ...]) -> Box:
        to_scan = np.linalg.inv(scan.affine) @ lobes.affine  # scale and shift only
        low, high = (np.diag(to_scan)[:3] * face + to_scan[:3, 3] for face in lobes.faces())
        margin = self.margin / scan.spacing
        return Box(tuple((low - margin).tolist()), tuple((high + margin).tolist()), flags)


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
