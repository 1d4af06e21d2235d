"""The one resampling: three separable anti-aliased maps, a few slices at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["axis_weights", "resample"]

CHUNK_VOXELS = 2**21  # of the input, held as float32 at a time: 8 MB, whatever the scan's size
BAND_ROWS = 8  # grid planes made at a time: more would multiply by zeros, fewer would read slices twice


def axis_weights(size: int, low: float, high: float, count: int) -> torch.Tensor:
    r"""Return the matrix that maps ``size`` samples onto ``count`` samples spread over ``[low, high]``.

    Triangle filter, stretched when the map shrinks, as in PIL and in torch's ``antialias=True``:

    .. math::

        c_i &= low + (i + 1/2)\,s, \quad s = (high - low) / count \\
        w_{ij} &\propto \max(0,\ 1 - |j - c_i| / \max(1, s)), \quad \textstyle\sum_j w_{ij} = 1

    A row whose centre lies outside the samples (below -1/2, or above size - 1/2) is zero.

    Args:
        size: number of input samples; sample j lies at j and reaches from j - 1/2 to j + 1/2.
        low: where the first output sample begins, in input samples.
        high: where the last one ends.
        count: number of output samples.

    Returns:
        float32, shape ``(count, size)``.

    Example:
        >>> axis_weights(4, -0.5, 3.5, 2)
        tensor([[0.4286, 0.4286, 0.1429, 0.0000],
                [0.0000, 0.1429, 0.4286, 0.4286]])
    """
    step = (high - low) / count
    centres = low + (torch.arange(count, dtype=torch.float64) + 0.5) * step
    distance = (torch.arange(size, dtype=torch.float64) - centres[:, None]).abs()
    weights = (1 - distance / max(1.0, step)).clamp(min=0)
    inside = (centres >= -0.5) & (centres <= size - 0.5)
    weights = weights * inside[:, None] / weights.sum(1, keepdim=True).clamp(min=1e-12)
    return weights.float()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: sums do not depend on the machine, and small products wait for no other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@_one_thread()
def resample(
    voxels: np.ndarray,
    low: Sequence[float] | np.ndarray,
    high: Sequence[float] | np.ndarray,
    shape: Sequence[int] | np.ndarray,
    fill: float = 0.0,
    floor: float | None = None,
) -> torch.Tensor:
    """Resample the box between two corners onto a grid of the given shape, anti-aliased where it shrinks.

    S is contracted first, in chunks of slices that are the only floating-point copy of the input; then A,
    then R. A chunk holds the same numbers in the same order however the input lies in memory, and one
    thread adds them, so a flipped or permuted view gives the same bits, in a loader's worker too.

    Args:
        voxels: integer or floating-point, shape ``(R, A, S)``, any memory layout.
        low: lower faces of the box, in voxels (voxel j reaches from j - 1/2 to j + 1/2).
        high: upper faces; the box may reach beyond the input.
        shape: of the result.
        fill: value of result voxels whose centre lies outside the input.
        floor: input values below are raised to it first; None leaves them.

    Returns:
        float32, shape ``shape``, contiguous.
    """
    faces = zip(voxels.shape, low, high, shape, strict=True)
    weights = [axis_weights(size, float(a), float(b), int(n)) for size, a, b, n in faces]
    r, a, _ = (_used(w) for w in weights)
    bands_r, bands_a = _bands(weights[0][:, r]), _bands(weights[1][:, a])
    cropped = voxels[r, a].T  # S, A, R
    _, height, width = cropped.shape
    chunk = torch.empty(max(1, min(CHUNK_VOXELS // max(1, height * width), len(cropped))), height, width)
    result = torch.empty(*(len(w) for w in weights[::-1]))
    for rows, slices, band in _bands(weights[2]):
        planes = torch.zeros(len(band), height * width)
        for start in range(slices.start, slices.stop, len(chunk)):
            stop = min(start + len(chunk), slices.stop)
            values = chunk[: stop - start]
            np.copyto(values.numpy(), cropped[start:stop], casting="unsafe")
            if floor is not None:
                values.clamp_(min=floor)
            planes.addmm_(band[:, start - slices.start : stop - slices.start], values.flatten(1))
        part = planes.unflatten(1, (height, width))  # rows, A, R
        part = torch.cat([w @ part[:, used] for _, used, w in bands_a], dim=1)
        result[rows] = torch.cat([part[:, :, used] @ w.T for _, used, w in bands_r], dim=2)
    for axis, w in enumerate(weights[::-1]):
        result.index_fill_(axis, torch.nonzero(w.sum(1) == 0)[:, 0], fill)
    return result.permute(2, 1, 0).contiguous()


def _used(weights: torch.Tensor) -> slice:
    """Return the range of input samples that any of the rows uses."""
    columns = torch.nonzero(weights.any(0))[:, 0].tolist()
    return slice(columns[0], columns[-1] + 1) if columns else slice(0, 0)


def _bands(weights: torch.Tensor) -> list[tuple[slice, slice, torch.Tensor]]:
    """Part the rows into blocks: their range, the range of inputs they use, and their weights for those.

    Few weights of a row are not zero; a block's matrix holds few others.
    """
    blocks = [slice(start, start + BAND_ROWS) for start in range(0, len(weights), BAND_ROWS)]
    used = [_used(weights[rows]) for rows in blocks]
    return [(rows, columns, weights[rows, columns]) for rows, columns in zip(blocks, used, strict=True)]
