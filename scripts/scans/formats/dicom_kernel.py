"""Which reconstruction kernels are sharp."""

import re

__all__ = ["is_sharp"]

SHARP_WORDS = ("LUNG", "BONE", "EDGE", "ULTRA", "SHARP", "DETAIL")  # GE and others
SHARPEST_SMOOTH = {"FC": 29, "": 59}  # Toshiba and Canon FC30 and up; Siemens B60, Br60, I60 and up
SHARP_PHILIPS = ("D", "E", "L", "YC", "YD")


def is_sharp(kernel: str) -> bool:
    """Tell a kernel that sharpens edges and noise, as for bone or fine lung detail.

    By the makers' names: GE's LUNG, BONE, EDGE, DETAIL; Siemens' two digits from 60 on; Canon's FC30 and
    up; Philips' D, E, L, YC, YD. An unknown name is not sharp.

    >>> [is_sharp(kernel) for kernel in ("B40f", "B70f", "Br64d", "LUNG", "FC17", "FC51", "STANDARD", "")]
    [False, True, True, True, False, True, False, False]
    """
    name = kernel.upper().strip()
    if name.startswith(SHARP_WORDS) or name in SHARP_PHILIPS:
        return True
    match = re.match(r"(FC|[A-Z]{1,2})(\d{2})(?!\d)", name)
    return match is not None and int(match[2]) > SHARPEST_SMOOTH.get(match[1], SHARPEST_SMOOTH[""])
