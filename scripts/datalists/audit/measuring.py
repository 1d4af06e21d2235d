"""One scan, read once -> all that the audit needs of it, in a few kilobytes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from scripts.scans import Declaration, RefusedScan, Scan, check_hounsfield, find_lungs, read_scan

from .background import background_features, is_masked_body
from .header import read_header
from .signature import GRID, VARIANTS, content_hash, signature
from .slice_order import missing_names, out_of_order, repeated_slices, upside_down

__all__ = ["Measurement", "measure_header", "measure_scan"]


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
        check_hounsfield(scan)
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
