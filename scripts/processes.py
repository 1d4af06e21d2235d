"""Several processes: those that ``torchrun`` starts and that work as one, and those that load scans."""

import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from scripts.errors import UserError

__all__ = ["gather", "join_processes", "loading_processes", "local_device", "rank", "world_size"]

SHARED_MEMORY = Path("/dev/shm")
PATIENCE = timedelta(hours=6)  # a process may wait for another that reads more or larger scans


def loading_processes(wanted: int, batch_size: int, voxels: int) -> int:
    """Return how many processes may load scans: those wanted, or none where their batches have no room.

    They hand batches over in shared memory, of which Docker gives a container 64 MB; a process that finds it
    full dies. Without them this process loads the scans itself, and a line says so.

    Args:
        wanted: processes.
        batch_size: scans in a batch.
        voxels: of a scan on its grid, float32; see :func:`scripts.transforms.voxels_per_scan`.
    """
    if not wanted or not SHARED_MEMORY.is_dir():
        return wanted
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    waiting = (2 * wanted + 2) * here  # two batches each, and two in use
    needed = waiting * batch_size * voxels * 4
    free = shutil.disk_usage(SHARED_MEMORY).free
    if needed <= free:
        return wanted
    print(
        f"note: {SHARED_MEMORY} has {free // 10**6} MB free, and {wanted} processes that load scans may need "
        f"{needed // 10**6}: this process loads them, more slowly (docker run --ipc=host gives room)",
        file=sys.stderr,
    )
    return 0


def join_processes() -> None:
    """Meet the other processes: by NCCL where each has a GPU, by gloo on CPUs.

    Raises:
        UserError: ``torchrun`` did not start this process, or there are more processes than GPUs.
    """
    if dist.is_initialized():
        return
    if not dist.is_torchelastic_launched() and "RANK" not in os.environ:
        raise UserError(
            "this config is for processes that torchrun starts: "
            "torchrun --nproc_per_node NUMBER -m monai.bundle run ..."
        )
    device = local_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)


def local_device() -> torch.device:
    """Return this process's own GPU, or the CPU where there is none.

    Raises:
        UserError: this machine has fewer GPUs than processes.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    index, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if index >= count:
        raise UserError(
            f"process {index} of this machine has no GPU: start {count}, --nproc_per_node {count}"
        )
    return torch.device("cuda", index)


def rank() -> int:
    """Return the number of this process, 0 where it is alone."""
    return dist.get_rank() if _joined() else 0


def world_size() -> int:
    """Return how many processes there are."""
    return dist.get_world_size() if _joined() else 1


def gather(own: Any) -> list[Any]:
    """Return what every process gave, by rank. All processes must call it.

    Args:
        own: anything that pickles; on the CPU.
    """
    if world_size() == 1:
        return [own]
    everyone: list[Any] = [None] * world_size()
    dist.all_gather_object(everyone, own)
    return everyone


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()
