"""How long work takes on a device."""

import time
from collections.abc import Callable

import torch

__all__ = ["seconds"]


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Run something once and return how long it took, in seconds.

    Args:
        work: what is run; what it leaves to a GPU is waited for.
        device: where it runs.
    """
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
