"""Grey levels of a declared display window -> HU."""

from dataclasses import replace

import numpy as np

from .declaration import Declaration
from .refusal import RefusedScan
from .scan import Volume

__all__ = ["check_window", "grey_to_hounsfield"]

SLACK = 0.01  # of the grey range: how far interpolation may have overshot it


def grey_to_hounsfield(volume: Volume, declared: Declaration, name: str) -> Volume:
    r"""Undo a display window, which had mapped HU linearly onto grey levels and clamped what lay outside.

    .. math::  HU = level - width / 2 + width\,(g - black) / (white - black)

    Args:
        volume: grey levels.
        declared: its window, and its grey range if the voxels are not of 8 bits.
        name: of the scan, for messages.

    Returns:
        HU to the nearest integer, int16, flagged ``windowed``, with the range that they can show.

    Raises:
        RefusedScan: ``bad_declaration``, where grey levels lie outside their range, or it is not known.
    """
    level, width = declared.window or (0.0, 0.0)
    grey_range = declared.grey_range or _range_of_type(volume.voxels, name)
    black, white = grey_range
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    slack = SLACK * (white - black)
    if not (black - slack <= low and high <= white + slack):
        raise RefusedScan(
            "bad_declaration",
            name,
            f"values from {low:g} to {high:g}; expected {black:g} to {white:g}, as declared for a display "
            f"window; correct grey_range, or drop intensity and window if these are HU",
        )
    bottom, scale = level - width / 2, width / (white - black)

    def undo(grey: np.ndarray) -> np.ndarray:
        inside = grey.astype(np.float32).clip(black, white)
        return np.round((inside - black) * scale + bottom).clip(-32768, 32767).astype(np.int16)

    table = undo(np.arange(256)) if volume.voxels.dtype == np.uint8 else None
    voxels = np.empty_like(volume.voxels, dtype=np.int16)
    for grey, hounsfield in zip(volume.voxels.T, voxels.T, strict=True):  # a slice at a time
        hounsfield[...] = undo(grey) if table is None else table[grey]
    flags = (*volume.flags, "windowed")
    return replace(volume, voxels=voxels, flags=flags, hounsfield=(bottom, bottom + width))


def check_window(hounsfield: tuple[float, float] | None, window: tuple[float, float], name: str) -> None:
    """Refuse voxels of a display window that clamps some of what the network looks at.

    Args:
        hounsfield: lowest and highest HU that the voxels can show; None: all.
        window: ``(level, width)`` in HU of the network.
        name: of the scan, for the message.

    Raises:
        RefusedScan: ``window_too_narrow``.
    """
    level, width = window
    low, high = level - width / 2, level + width / 2
    if hounsfield and not (hounsfield[0] <= low and high <= hounsfield[1]):
        raise RefusedScan(
            "window_too_narrow",
            name,
            f"its window shows {hounsfield[0]:g} to {hounsfield[1]:g} HU; expected at least {low:g} to "
            f"{high:g} HU, which the network looks at; export it in HU or with a wider window",
        )


def _range_of_type(voxels: np.ndarray, name: str) -> tuple[float, float]:
    if voxels.dtype == np.uint8:
        return 0.0, 255.0
    raise RefusedScan(
        "bad_declaration",
        name,
        f"a window is declared for {voxels.dtype} voxels; expected their grey_range (black, white) too",
    )
