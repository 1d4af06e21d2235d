"""One scan, read once -> all that the audit needs of it, in a few kilobytes."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scripts.scans import (
    Declaration,
    Lungs,
    RefusedScan,
    Scan,
    check_hounsfield,
    find_lungs,
    read_header,
    read_scan,
    resample,
    scan_files,
)

from .background import background_features, is_masked_body
from .likeness import GRID, VARIANTS, content_hash, signature

__all__ = [
    "Measurement",
    "measure_header",
    "measure_scan",
    "missing_names",
    "out_of_order",
    "repeated_slices",
    "upside_down",
]

PLANE = (24, 20)  # cells along R, A: enough to distinguish slices, too few for noise
NEARER = 1.45  # two neighbours that are this much nearer to slices elsewhere than to each other mark a seam
TISSUE = -200.0  # HU
THIRD, FIFTH = (0.1, 0.4), (0.0, 0.2)  # of the lungs' height: where widths and tissue are compared
REVERSED = 1.1  # above over below: 0.6 to 0.8 in chests the right way up, the inverse in others
NUMBER = re.compile(r"(\d+)(?=\D*$)")


def repeated_slices(scan: Scan) -> int:
    """Count axial slices whose voxels repeat those of another; uniform slices do not count."""
    slices = scan.voxels.transpose(2, 0, 1)
    seen: set[bytes] = set()
    count = 0
    for plane in slices:
        content = np.ascontiguousarray(plane)
        if content.min() == content.max():
            continue
        key = content.tobytes() if content.size < 4096 else _digest(content)
        count += key in seen
        seen.add(key)
    return count


def _digest(content: np.ndarray) -> bytes:
    return hashlib.blake2b(content.tobytes(), digest_size=16).digest()


def out_of_order(scan: Scan) -> int:
    """Count the seams: neighbours that are both more like slices further away than like each other.

    A run of slices in reversed order, or moved elsewhere, leaves a seam at its ends. Missing slices leave
    none: what comes after a gap is still the nearest there is.
    """
    low, high = np.full(3, -0.5), np.array(scan.voxels.shape) - 0.5
    count = scan.voxels.shape[2]
    planes = resample(scan.voxels, low, high, (*PLANE, count)).numpy().reshape(-1, count).T
    squares = (planes**2).sum(1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares - 2 * planes @ planes.T, 0) / planes.shape[1])
    step = np.diag(distance, 1)
    far = distance + np.median(step) / 4 + 1e-3  # that two blank slices are alike proves nothing
    index = np.arange(count)
    far[np.abs(index[:, None] - index) <= 1] = np.inf
    elsewhere = np.maximum(far[:-1].min(1), far[1:].min(1))
    return int((step > NEARER * elsewhere).sum())


def upside_down(lungs: Lungs) -> bool:
    """Recognise a stack that runs against its header.

    Lungs are wide, and the body is dense, towards the abdomen: the width of the lungs and the share of
    tissue, each above over below, are multiplied.
    """
    mask = lungs.mask
    slices = np.flatnonzero(mask.any((0, 1)))
    width = np.array([np.ptp(np.flatnonzero(mask[:, :, k].any(1))) for k in slices], dtype=float)
    tissue = (lungs.coarse.voxels[:, :, slices] > TISSUE).mean((0, 1))
    return bool(_above_over_below(width, THIRD) * _above_over_below(tissue, FIFTH) > REVERSED)


def _above_over_below(profile: np.ndarray, span: tuple[float, float]) -> float:
    """Compare a profile, from feet to head, between two spans at equal distances from its ends."""
    start, stop = (round(share * len(profile)) for share in span)
    stop = max(stop, start + 1)
    return float(profile[::-1][start:stop].mean() / max(profile[start:stop].mean(), 1e-6))


def missing_names(item: Mapping[str, Any]) -> int:
    """Count the numbers that a folder's slice names leave out; 0 where the scan is one file.

    Names that go up by a constant step (every 10th slice kept) leave out none.

    Args:
        item: with ``image``, and perhaps ``slices``.
    """
    image = str(item["image"])
    if not Path(image).is_dir() and "::" not in image:
        return 0
    names = item.get("slices") or [file.name for file in scan_files(Path("/"), image)]
    stems = [Path(name.rpartition("/")[2]).stem for name in names]
    matches = [NUMBER.search(stem) for stem in stems]
    numbers = np.unique([int(match[1]) for match in matches if match])
    if len(numbers) < 3 or len(numbers) < len(names):
        return 0
    gaps = np.diff(numbers)
    step = int(np.median(gaps))
    return int(np.maximum(0, np.round(gaps / step) - 1).sum())


@dataclass(frozen=True, eq=False)
class Measurement:
    """What is known of one scan.

    Attributes:
        header: from :func:`read_header`.
        refusal: code and reason, where the scan is refused; empty otherwise.
        flags: those of the lungs, and ``upside_down``.
        content: hash of the voxels, or "" where they were not read.
        signature: int8 ``(VARIANTS, *GRID)``, or None.
        slices: counts of ``repeated``, ``out_of_order`` and ``missing`` slices.
        masked_body: the body around the lungs is blanked.
        background: from :func:`background_features`.
    """

    header: dict[str, Any] = field(default_factory=dict)
    refusal: tuple[str, str] | tuple[()] = ()
    flags: tuple[str, ...] = ()
    content: str = ""
    signature: np.ndarray | None = None
    slices: dict[str, int] = field(default_factory=dict)
    masked_body: bool | None = None
    background: dict[str, Any] = field(default_factory=dict)

    def as_plain(self) -> tuple[dict[str, Any], bytes]:
        """Return a part for JSON and a part of bytes."""
        plain = {key: value for key, value in asdict(self).items() if key != "signature"}
        return plain, b"" if self.signature is None else self.signature.tobytes()

    @classmethod
    def from_plain(cls, plain: dict[str, Any], packed: bytes) -> "Measurement":
        """Undo :meth:`as_plain`."""
        array = np.frombuffer(packed, dtype=np.int8).reshape(VARIANTS, *GRID) if packed else None
        refusal, flags = tuple(plain["refusal"]), tuple(plain["flags"])
        return cls(**{**plain, "refusal": refusal, "flags": flags, "signature": array})


def measure_header(item: Mapping[str, Any]) -> Measurement:
    """Measure what needs no voxel."""
    return Measurement(header=read_header(item), slices={"missing": missing_names(item)})


def measure_scan(item: Mapping[str, Any]) -> Measurement:
    """Read a scan and measure it; a refused one as far as it goes.

    Args:
        item: with an absolute ``image``.
    """
    name = str(item["name"])
    known = measure_header(item)
    try:
        volume = read_scan(item["image"], Declaration.of(item, name), name)
        scan = Scan.from_array(volume.voxels, volume.affine, name)
    except RefusedScan as refusal:
        return Measurement(known.header, (refusal.code, refusal.reason), slices=known.slices)
    refused: tuple[str, str] | tuple[()] = ()
    flags: tuple[str, ...] = ()
    try:
        check_hounsfield(scan, rescaled=volume.hounsfield is None)
        lungs = find_lungs(scan)
        flags = (*lungs.flags, *(("upside_down",) if upside_down(lungs) else ()))
    except RefusedScan as refusal:
        refused = (refusal.code, refusal.reason)
    if refused[:1] == ("non_finite",):
        return Measurement(known.header, refused, content=content_hash(scan), slices=known.slices)
    masked = is_masked_body(scan)
    seams = 0 if masked or "mask" in refused else out_of_order(scan)  # lungs alone begin and end abruptly
    return Measurement(
        header=known.header,
        refusal=refused,
        flags=flags,
        content=content_hash(scan),
        signature=signature(scan),
        slices={**known.slices, "repeated": repeated_slices(scan), "out_of_order": seams},
        masked_body=masked,
        background=background_features(scan),
    )
