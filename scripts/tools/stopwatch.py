"""How long work takes, and how much memory."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch

from scripts import bundle_root

__all__ = ["in_a_process", "seconds", "seconds_and_peak"]


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


def seconds_and_peak(work: Callable[[], object]) -> dict[str, float]:
    """Run something once; return its ``seconds``, and ``peak_mb``, what it added to the process's memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    work()
    spent = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": spent, "peak_mb": (after - before) / 1024}


def in_a_process(tool: str, *arguments: str) -> dict[str, float]:
    """Run a tool in a process of its own and return what it prints last, as JSON.

    Args:
        tool: as ``python -m scripts`` names it.
        arguments: of the tool.
    """
    command = [sys.executable, "-W", "ignore", "-m", "scripts", tool, *arguments]
    done = subprocess.run(command, cwd=bundle_root(), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
