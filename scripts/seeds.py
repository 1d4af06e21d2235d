"""Random numbers that follow from where they are used, whatever the workers and the interruptions."""

import random
from enum import IntEnum

import numpy as np
import torch

__all__ = ["SeededIndex", "Stream", "seed_generators", "seed_of"]

LONGEST_SEED = 2**32  # exclusive; what NumPy's and MONAI's generators take


class Stream(IntEnum):
    """What the numbers are for: no two uses share any."""

    STEP = 1  # of training: dropout and whatever else happens to a batch
    SAMPLE = 2  # of an epoch: a scan's augmentation


def seed_of(stream: Stream, seed: int, *place: int) -> int:
    """Return the seed of one place in a run, below 2 to the 32, for a generator on the CPU.

    Args:
        stream: what it is for.
        seed: of the run.
        place: numbers that say where, such as the epoch and the index in it.

    Example:
        >>> seed_of(Stream.SAMPLE, 0, 3, 7) == seed_of(Stream.SAMPLE, 0, 3, 8)
        False
    """
    words = [number % LONGEST_SEED for number in (stream, seed, *place)]
    return int(np.random.SeedSequence(words).generate_state(1)[0])


def seed_generators(seed: int) -> None:
    """Seed the global generators of Python, NumPy and PyTorch.

    Args:
        seed: as :func:`seed_of` returns it.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class SeededIndex(int):
    """The index of an item whose random changes follow from a seed that travels with it to any worker.

    Attributes:
        seed: for all that is drawn while the item is made.
    """

    seed: int

    def __new__(cls, index: int, seed: int) -> "SeededIndex":
        made = super().__new__(cls, index)
        made.seed = seed
        return made

    def __getnewargs__(self) -> tuple[int, int]:  # type: ignore[override]
        return int(self), self.seed
