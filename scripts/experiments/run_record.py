"""run.json: what a cross-validation was made from; another one does not go on in its folder."""

from pathlib import Path
from typing import Any

import torch

from scripts.command_line import CommandLine
from scripts.errors import UserError
from scripts.files import write_json
from scripts.text_files import read_json
from scripts.training import describe_environment

from .experiment import Experiment

__all__ = ["claim_folder", "complete_record", "recorded_experiment"]

RECORD = "run.json"
DATALIST = "the datalist"


def claim_folder(folder: Path, experiment: Experiment, write: bool = True) -> None:
    """Write ``run.json``, or make sure that the one that is there belongs to the same experiment.

    Args:
        folder: of the cross-validation.
        experiment: that is about to run in it.
        write: leave this to one process.

    Raises:
        UserError: the datalist, a config or a setting is another than when the folder was begun.
    """
    identity = experiment.identity()
    path = folder / RECORD
    if path.is_file():
        changed = list(_changes(read_json(path), identity))
        if changed:
            raise UserError(
                f"{path}: another experiment began in this folder; since then changed: {'; '.join(changed)}. "
                f"Choose another --output_dir, or restore what it was begun with"
            )
    elif write:
        write_json(path, identity)


def recorded_experiment(folder: Path, dataset_dir: str | Path, num_workers: int | None = None) -> Experiment:
    """Return the experiment of a finished cross-validation, on another data set.

    Args:
        folder: of the cross-validation.
        dataset_dir: of the other data set.
        num_workers: processes that load scans; None: as train.yaml says.

    Raises:
        UserError: the cross-validation is not finished, or a config changed since.
    """
    path = folder / RECORD
    record = read_json(path) if path.is_file() else {}
    if "folds" not in record:
        raise UserError(
            f"{folder}: no finished cross-validation; run cross_validation with this --output_dir"
        )
    settings = {**record["settings"], "num_workers": num_workers}
    experiment = Experiment(dataset_dir, folder / "cache", record["recipes"], settings)
    changed = [phrase for phrase in _changes(record, experiment.identity()) if phrase != DATALIST]
    if changed:
        raise UserError(f"{path}: since the cross-validation changed: {'; '.join(changed)}; restore it")
    return experiment


def complete_record(folder: Path, experiment: Experiment, folds: dict[int, dict[str, Any]]) -> None:
    """Add to ``run.json`` what is known at the end.

    Args:
        folder: of the cross-validation.
        experiment: that ran.
        folds: by index, what each fold's ``fold.json`` says.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    content = {
        "datalist": str(experiment.datalist),
        "recipes": [str(recipe) for recipe in experiment.recipes],
        "seed": experiment.settings.get("seed"),
        **experiment.identity(),
        "command": CommandLine.text(),
        "environment": describe_environment(device),
        "parameters": next(iter(folds.values()))["parameters"],
        "folds": {str(index): record for index, record in folds.items()},
    }
    write_json(folder / RECORD, content)


def _changes(before: dict[str, Any], now: dict[str, Any]) -> Any:
    """Yield a phrase for each difference."""
    if before["datalist_sha256"] != now["datalist_sha256"]:
        yield DATALIST
    for group, name in (("configs", "configs/{}"), ("settings", "--{}")):
        for key in sorted(before[group].keys() | now[group].keys()):
            old, new = before[group].get(key), now[group].get(key)
            if old != new:
                yield name.format(key) + (f" ({old} then, {new} now)" if group == "settings" else "")
