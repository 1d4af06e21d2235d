"""A run's state on disk: two generations, verified on reading, and bound to what the run was begun with."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser

from scripts.command_line import running_config
from scripts.errors import UserError
from scripts.files import read_archive, sha256_of, sweep_partials, write_whole
from scripts.processes import rank

__all__ = ["RunStates"]

LAST, PREVIOUS, NEXT = "last_state.pt", "previous_state.pt", "next_state.pt"
AUTO = "auto"
MAY_CHANGE = {  # keys of a config, or sections, by why a run may go on with others; all else must stay
    "where files lie": ("bundle_root", "dataset_dir", "output_dir", "ckpt_dir", "cache_dir"),
    "how long, and from where": ("max_epochs", "train::trainer::max_epochs", "resume", "states"),
    "how fast, and on what": (
        "device", "rank", "num_workers", "loading_processes", "val_batch_size", "train::dataset",
        "train::dataloader", "train::trainer::network", "validate::dataset", "validate::dataloader",
        "validate::evaluator",
    ),
    "what is watched and written": (
        "train::handlers", "validate::handlers", "validation_metrics", "accuracy", "log_likelihood",
        "macro_auc", "audit", "audit_override",
        "model_file", "tell_scans", "tracking_uri", "experiment_name", "run_name", "save_execute_config",
        "is_not_rank0",
    ),
    "the order of the run": ("_meta_", "initialize", "training", "finalize", "run"),
}  # fmt: skip
SHOWN = ("--max_epochs", "--num_workers", "--val_batch_size", "--device")  # of them, in messages
logger = logging.getLogger(__name__)


class RunStates:
    """``last_state.pt`` and, from before it, ``previous_state.pt``, in the folder of a run.

    Args:
        ckpt_dir: the folder.
        resume: True: go on; "auto": begin, or go on where a run was interrupted, for jobs that are started
            again by a queue; False: begin, and refuse a folder with a run in it.
        datalist: whose hash a run that goes on must find again.
        weights_name: of the file of the best weights.
    """

    def __init__(
        self,
        ckpt_dir: str | Path,
        resume: bool | str = False,
        datalist: str | Path | None = None,
        weights_name: str = "model.pt",
    ) -> None:
        self.folder = Path(ckpt_dir)
        self.weights = self.folder / weights_name
        self.resume = resume
        self.datalist_sha256 = sha256_of(datalist) if datalist and Path(datalist).is_file() else ""
        self.settings = _settings()
        self.last_is_whole = True
        self._earlier: dict[str, Any] | None = None

    def check(self) -> None:
        """Make sure that a run to be resumed is there and is this one, and that none is overwritten.

        Raises:
            UserError: it is not there, is damaged, or was begun with something else; or one is there, and
                ``resume`` is False.
        """
        if self.resume not in (True, False, AUTO):
            raise UserError(f"--resume {self.resume}: True, False or auto is expected")
        found = [name for name in (LAST, PREVIOUS) if (self.folder / name).exists()]
        if found and not self.resume:
            raise UserError(
                f"{self.folder / found[0]}: an earlier run is there; go on with it by --resume True, or "
                f"choose another --output_dir"
            )
        if not found and self.resume is True:
            raise UserError(
                f"{self.folder / LAST}: no earlier run to resume; leave out --resume or correct --output_dir"
            )
        if not found and self.weights.exists():
            raise UserError(
                f"{self.weights}: a model is there, without the state of a run; choose another --output_dir"
            )
        if found and self._earlier is None:
            self._earlier = self._read(found)

    def take(self) -> dict[str, Any] | None:
        """Return the state to go on from, on the CPU, or None where the run begins.

        Raises:
            UserError: as :meth:`check`.
        """
        self.check()
        if rank() == 0:
            (self.folder / NEXT).unlink(missing_ok=True)  # of a process that was killed while it wrote
            sweep_partials(self.folder)
        earlier, self._earlier = self._earlier, None
        return earlier

    def write(self, state: Mapping[str, Any]) -> None:
        """Write a state; the one before it stays as the generation before.

        Args:
            state: tensors, numbers and text, by name.
        """
        begun_with = {"datalist_sha256": self.datalist_sha256, "config": self.settings}
        content = _canonical({**state, "begun_with": json.dumps(begun_with, sort_keys=True)})
        write_whole(self.folder / NEXT, lambda file: torch.save(content, file))
        if self.last_is_whole and (self.folder / LAST).exists():
            (self.folder / LAST).replace(self.folder / PREVIOUS)
        (self.folder / NEXT).replace(self.folder / LAST)
        self.last_is_whole = True

    def _read(self, names: list[str]) -> dict[str, Any]:
        damaged = []
        for path in (self.folder / name for name in names):
            try:
                state = torch.load(read_archive(path), map_location="cpu", weights_only=True)
                begun_with, progress = json.loads(state["begun_with"]), state["progress"]
            except Exception as error:  # torch raises half a dozen kinds for a file that is not its own
                reason = "not a state of this version" if isinstance(error, KeyError) else str(error)[:120]
                damaged.append(reason if str(path) in reason else f"{path}: {reason}")
                continue
            self._compare(begun_with, path)
            self.last_is_whole = path.name == LAST
            for line in damaged:
                logger.warning("%s; going on from %s, epoch %d", line, path.name, progress["epoch"])
            return state
        raise UserError(
            f"{'; '.join(damaged)}: no state to go on from; restore one, or choose another --output_dir"
        )

    def _compare(self, before: Mapping[str, Any], path: Path) -> None:
        changed = ["the datalist"] if before["datalist_sha256"] != self.datalist_sha256 else []
        changed += _changes(before["config"], self.settings)
        if changed:
            raise UserError(
                f"{path}: this run was begun otherwise; since then changed: {'; '.join(changed)}. Restore "
                f"what it was begun with, or choose another --output_dir. Free to change: "
                f"{', '.join(SHOWN)}, folders"
            )


def _canonical(value: Any) -> Any:
    """Copy containers with each text once, since a pickle tells one object from two that are equal."""
    if isinstance(value, Mapping):
        return {_canonical(key): _canonical(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(inner) for inner in value]
    return sys.intern(value) if type(value) is str else value


def _settings() -> dict[str, Any]:
    """Return the config that is being resolved, flat and without what may change; empty outside of one."""
    try:
        parser = running_config()
    except RuntimeError:
        return {}
    free = tuple(key for keys in MAY_CHANGE.values() for key in keys)
    return {
        key: _plain(parser, value)
        for key, value in _flat(parser.get())
        if not any(key == name or key.startswith(f"{name}::") for name in free)
    }


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}::{name}" if key else str(name))
    elif isinstance(value, (list, tuple)) and any(isinstance(inner, (Mapping, list)) for inner in value):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{key}::{index}")
    else:
        yield key, value


def _plain(parser: ConfigParser, value: Any) -> Any:
    """Follow a reference to data, so that it equals the same data spelt out."""
    if isinstance(value, str) and value.startswith("@"):
        found = parser.get(value[1:])
        value = found if isinstance(found, (bool, int, float, list)) else value
    return json.loads(json.dumps(value, default=str))


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    absent = "absent"
    return [
        f"--{key} ({before.get(key, absent)} then, {now.get(key, absent)} now)"
        for key in sorted(before.keys() | now.keys())
        if before.get(key, absent) != now.get(key, absent)
    ]
