"""How large a scan can be."""

import math
from collections.abc import Sequence

from .refusal import RefusedScan

__all__ = ["MOST_VOXELS", "check_voxels"]

MOST_VOXELS = 2**30  # 1024 x 1024 x 1024; a header that claims more is damaged


def check_voxels(shape: Sequence[int], name: str) -> None:
    """Refuse what would not fit, before memory is asked for.

    Raises:
        RefusedScan: ``too_large``.
    """
    if math.prod(int(size) for size in shape) > MOST_VOXELS:
        raise RefusedScan(
            "too_large", name, f"shape {tuple(shape)}; expected at most {MOST_VOXELS} voxels; is it damaged?"
        )
