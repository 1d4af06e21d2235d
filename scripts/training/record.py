"""What a run must leave behind so that somebody else can repeat it."""

import hashlib
import platform
import sys
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch
import yaml

from scripts.command_line import CommandLine
from scripts.datalists import read_datalist
from scripts.files import write_json, write_whole
from scripts.processes import world_size
from scripts.scans import Declaration

__all__ = ["describe_environment", "record_run"]


def record_run(
    output_dir: str | Path,
    datalist: str | Path,
    device: torch.device | str,
    seed: int,
    audit: dict[str, Any] | None = None,
) -> None:
    """Write the command, its resolved config, and the environment into the run's folder.

    The config is written only for a run started by a command line: a host program that
    builds the workflow itself (cross-validation is one) knows what it gave. A resumed run keeps the
    earlier records beside its own.

    Args:
        output_dir: the run's folder; gains ``config.yaml`` and ``environment.json``.
        datalist: its SHA-256 says which data the run saw.
        device: that the network runs on.
        seed: of the run.
        audit: verdict on the datalist, see :func:`scripts.audit.enforce_audit`.
    """
    folder = Path(output_dir)
    config = _resolved_config(sys.argv)
    if config is not None:
        write_whole(_unused(folder / "config.yaml"), yaml.safe_dump(config))
    lists = read_datalist(datalist, refuse_overlap=False)  # the audit's verdict stands beside it
    intensities = Counter(Declaration.of(item).intensity for items in lists.values() for item in items)
    record = {
        "command": CommandLine.text() if config is not None else None,
        "processes": world_size(),
        "seed": seed,
        "datalist_sha256": hashlib.sha256(Path(datalist).read_bytes()).hexdigest(),
        "intensity": dict(intensities),  # scans in HU, and scans of each declared window
        "audit": audit,
        **describe_environment(device),
    }
    write_json(_unused(folder / "environment.json"), record)


def describe_environment(device: torch.device | str) -> dict[str, Any]:
    """Return what a run's figures and speed may depend on: device, interpreter, platform, packages.

    Args:
        device: that the network runs on.
    """
    return {
        "device": torch.cuda.get_device_name(device)
        if torch.device(device).type == "cuda"
        else f"CPU, {torch.get_num_threads()} threads",
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cuda": torch.version.cuda,
        "packages": dict(sorted((found.metadata["Name"], found.version) for found in distributions())),
    }


def _resolved_config(arguments: list[str]) -> dict[str, Any] | None:
    command_line = CommandLine.of(arguments)
    config = command_line.resolved_config() if command_line else {}
    return config if "training" in config else None  # cross-validation's own config is not its folds'


def _unused(path: Path) -> Path:
    candidate, count = path, 1
    while candidate.exists():
        count += 1
        candidate = path.with_stem(f"{path.stem}_{count}")
    return candidate
