"""How large a scan can be: what its file can hold and what the machine can, before memory is asked for."""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from .files import ScanFile
from .refusal import RefusedScan

__all__ = ["DEFLATED", "LARGEST_RATIO", "check_claim", "check_zip", "largest_unpacked", "memory_for_a_scan"]

DEFLATED = 1032  # bytes that one byte of gzip, zip or zlib can become at most (RFC 1951)
ALWAYS = 64 * 2**20  # bytes that are never too many for a packed file: a slice of 512 x 512 has half a MiB
LARGEST_RATIO = 200  # bytes for one packed byte, over a zip's whole scan above ALWAYS: CT packs to a half
SHARE = 0.5  # of the memory, that the voxels of one scan may take


def check_claim(shape: Sequence[int], voxel_bytes: int, stored: int, name: str, packed: int = 1) -> None:
    """Refuse a header that claims more voxels than its file can hold, or than the machine can.

    Args:
        shape: as claimed.
        voxel_bytes: of one voxel.
        stored: bytes of the file in which they lie.
        name: of the scan, for messages.
        packed: how many bytes one stored byte can become: 1, or e.g. :data:`DEFLATED`.

    Raises:
        RefusedScan: ``too_large`` or ``unreadable``.
    """
    claimed = math.prod(int(size) for size in shape) * voxel_bytes
    size = " x ".join(str(int(length)) for length in shape)
    if claimed > memory_for_a_scan():
        raise RefusedScan(
            "too_large",
            name,
            f"{size} voxels need {claimed / 2**30:.1f} GiB; expected at most half of this machine's memory, "
            f"{memory_for_a_scan() / 2**30:.1f}; is the header damaged?",
        )
    if claimed > max(stored * packed, ALWAYS if packed > 1 else 0):
        raise RefusedScan(
            "unreadable",
            name,
            f"its header claims {size} voxels, {claimed} bytes, more than {stored} bytes hold; is it whole?",
        )


def largest_unpacked(stored: int) -> int:
    """Return the bytes to which packed bytes of a scan may be unpacked: an honest file stays far below."""
    return min(memory_for_a_scan(), max(ALWAYS, LARGEST_RATIO * stored))


@cache
def memory_for_a_scan() -> int:
    """Return the bytes that one scan's voxels may take: half of the memory of machine or container."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**33
    limit = Path("/sys/fs/cgroup/memory.max")  # of control groups, version 2
    with suppress(OSError, ValueError):  # none, or "max"
        memory = min(memory, int(limit.read_text(encoding="ascii")))
    return int(memory * SHARE)


def check_zip(files: Sequence[ScanFile], name: str) -> None:
    """Refuse what a zip holds behind a password, or blows up beyond what a scan's files can be.

    Raises:
        RefusedScan: ``too_large`` above :data:`ALWAYS` and :data:`LARGEST_RATIO`; ``unreadable``.
    """
    packed = [file for file in files if file.member is not None]
    whole, stored = sum(file.size for file in packed), sum(file.packed_size for file in packed)
    if whole > max(ALWAYS, LARGEST_RATIO * stored):
        raise RefusedScan(
            "too_large",
            name,
            f"{stored} bytes in the zip would become {whole}; expected {LARGEST_RATIO} times as many at "
            f"most; unpack it if you trust it",
        )
    if whole > memory_for_a_scan():
        raise RefusedScan(
            "too_large",
            name,
            f"{whole / 2**30:.1f} GiB in the zip; expected at most half of this machine's "
            f"memory, {memory_for_a_scan() / 2**30:.1f}; unpack it if you trust it",
        )
    locked = sum(file.locked for file in packed)
    if locked:
        raise RefusedScan(
            "unreadable",
            name,
            f"{locked} of its {len(files)} files in the zip are encrypted; unpack it with its password and "
            f"name the folder",
        )
