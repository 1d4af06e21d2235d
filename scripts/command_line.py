"""The command line of ``python -m monai.bundle run``: what it asks for, and whether the configs know it."""

import difflib
import inspect
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fire
import torch
from monai.bundle import ConfigParser, update_kwargs
from monai.bundle import run as monai_run
from monai.utils import ensure_tuple

from scripts.errors import UserError, show_user_errors_in_one_line

__all__ = ["CommandLine", "begin_run", "check_name", "check_order", "parsed_flags", "running_config"]

MODULE = str(Path("monai", "bundle", "__main__.py"))
MONAI_FLAGS = set(inspect.signature(monai_run).parameters)
BASE_KEY = "bundle_root"  # every base has it, no overlay
SMALLEST = {
    "max_epochs": 1,
    "batches_per_epoch": 1,
    "val_interval": 1,
    "val_batch_size": 1,
    "batch_size": 1,
    "num_workers": 0,
}


@dataclass(frozen=True)
class CommandLine:
    """What MONAI reads off a command line.

    Attributes:
        files: the configs, in the order in which they are merged.
        metadata: its file.
        overrides: value by flag; ``a::b`` reaches into a section.
    """

    files: tuple[str, ...]
    metadata: str | Path
    overrides: dict[str, Any]

    @classmethod
    def of(cls, arguments: Sequence[str]) -> "CommandLine | None":
        """Read a process's arguments; None where they are not those of ``monai.bundle run``.

        Args:
            arguments: ``sys.argv``.
        """
        if not arguments[0].endswith(MODULE) or "run" not in arguments[1:2]:
            return None
        seen = _read_by_fire(arguments[2:])
        if "config_file" not in seen:
            return None
        files = tuple(map(str, ensure_tuple(seen["config_file"])))
        metadata = seen.get("meta_file") or Path(files[0]).parent / "metadata.json"
        overrides = {name: value for name, value in seen.items() if name not in MONAI_FLAGS}
        return cls(files, metadata, overrides)

    def configs(self) -> ConfigParser:
        """Return the merged configs, without the overrides."""
        parser = ConfigParser()
        parser.read_config(list(self.files))
        parser.read_meta(self.metadata)
        return parser

    def resolved_config(self) -> dict[str, Any]:
        """Return the configs with the overrides applied."""
        parser = self.configs()
        parser.update(pairs=self.overrides)
        return parser.get()


def check_order(files: Sequence[str]) -> None:
    """Make sure that the first config is a base, and all others are overlays.

    An overlay before its base is overruled by it in silence, or fails on a section that is not there yet.

    Args:
        files: the configs, in the order in which they are merged.

    Raises:
        UserError: the order is another, or there is no base or more than one.
    """
    if not all(Path(file).is_file() for file in files):
        return  # MONAI names the missing one
    bases = [file for file in files if BASE_KEY in ConfigParser.load_config_file(file)]
    overlays = [file for file in files if file not in bases]
    if bases == [files[0]]:
        return
    if not bases:
        raise UserError(
            f"{', '.join(files)}: an overlay alone; a base such as configs/train.yaml comes first"
        )
    if len(bases) > 1:
        raise UserError(f"{' and '.join(bases)} are both bases; name one of them, and then overlays")
    right = ",".join(f"'{file}'" for file in [*bases, *overlays])
    raise UserError(
        f'{files[0]} comes before its base {bases[0]}, which would overrule it; expected "[{right}]"'
    )


def parsed_flags(arguments: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Read flags as ``monai.bundle run`` does.

    Args:
        arguments: ``--config_file`` and its value, and overrides of its keys.

    Returns:
        The configs, and the overrides.

    Raises:
        UserError: as :func:`check_order`.
    """
    seen = _read_by_fire(arguments)
    files = tuple(map(str, ensure_tuple(seen.pop("config_file"))))
    check_order(files)
    return files, seen


def running_config() -> ConfigParser:
    """Return the config that is being resolved: that of the part which calls this while it is built.

    MONAI hands a part its arguments, never the config that it stands in; yet what a model file says of the
    network, and whether a flag contradicts it, is written there and nowhere else.

    Raises:
        RuntimeError: no config is being resolved.
    """
    frame = inspect.currentframe()
    while frame is not None:
        found = frame.f_locals.get("self")
        if isinstance(found, ConfigParser):
            return found
        frame = frame.f_back
    raise RuntimeError("no config is being resolved: call this from a part of one")


def begin_run() -> None:
    """Show a user's errors in one line from here on, and refuse flags that would not do what they say.

    MONAI adds a flag that no config knows as a new key, which nothing reads: a misspelt ``--max_epoch 5``
    would train 300. This is the first step of every run; programs that host the bundle are left alone.

    Raises:
        UserError: a flag is in no config, has another type than there, or is a count below its least.
    """
    show_user_errors_in_one_line()
    command_line = CommandLine.of(sys.argv)
    if command_line is None:
        return
    check_order(command_line.files)
    configs = command_line.configs()
    for flag, value in command_line.overrides.items():
        check_name(flag, configs.get(), command_line.files)
        expected = None if _is_expression(value) else _expected(flag, value, configs.get(flag))
        if expected:
            raise UserError(f"--{flag} {value}: {expected} is expected")


def check_name(flag: str, known: Collection[str], files: Sequence[str], section: str = "") -> None:
    """Refuse a flag that nothing reads.

    Args:
        flag: without its dashes; of ``a::b`` the ``a`` must be known.
        known: keys at the top of the configs.
        files: the configs, for the message.
        section: that the flag belongs to, such as ``settings::``.

    Raises:
        UserError: the flag is not known; the message names the nearest that is.
    """
    name, *rest = flag.replace("#", "::").split("::")
    if name in known:
        return
    alike = difflib.get_close_matches(name, known, n=1)
    meant = f"--{section}{'::'.join([*alike, *rest])}"
    advice = f"did you mean {meant}?" if alike else "flags are the keys at the top of these files"
    raise UserError(f"--{section}{flag}: no such key in {', '.join(files)}; {advice}")


def _read_by_fire(arguments: Sequence[str]) -> dict[str, Any]:
    """Return value by flag, as MONAI gets them from the library that reads its command line."""
    seen: dict[str, Any] = {}

    def run(run_id: str | None = None, args_file: str | None = None, **flags: Any) -> None:
        seen.update(update_kwargs(args_file, **flags))

    fire.Fire({"run": run}, command=["run", *arguments])
    return seen


def _expected(flag: str, value: Any, default: Any) -> str | None:
    """Say in words what should stand there, or return None where the value will do."""
    if flag == "device":
        return None if _is_usable(value) else "a device of this machine, such as cpu"
    if value is None:
        return None
    whole = isinstance(value, int) and not isinstance(value, bool)
    if flag in SMALLEST:
        return None if whole and value >= SMALLEST[flag] else f"a whole number, {SMALLEST[flag]} or more,"
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "True or False"
    if isinstance(default, int):
        return None if whole else "a whole number"
    if isinstance(default, float):
        return None if whole or isinstance(value, float) else "a number"
    if isinstance(default, list) and default and all(isinstance(entry, (int, float)) for entry in default):
        return None if isinstance(value, (list, tuple)) else f"a list such as {default}"
    return None


def _is_expression(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("$", "@", "%")


def _is_usable(device: Any) -> bool:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError):  # torch raises each of them
        return False
    return True
