"""Every scan predicted by a network that never saw its patient; all of them on the test list; calibrated."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed

from scripts.checkpoints import CalibrationRecord, EnsembleFile, ModelFile
from scripts.datalists import cross_validation_folds
from scripts.errors import UserError
from scripts.files import write_json
from scripts.locks import holding
from scripts.report import write_report
from scripts.statistics import Calibration, PredictionTable, average, fit_calibration, pool, read_table

from .baseline_predictions import predict_baselines, sets_without_baselines
from .experiment import Experiment
from .fold import Fold, read_checked
from .run_record import claim_folder, complete_record

__all__ = [
    "ALL_FOLDS",
    "apply_calibration",
    "calibrate_cross_validation",
    "cross_validate",
    "finished_folds",
    "process_rank",
]

POLL = 1.0  # seconds
ALL_FOLDS = "all_folds"  # folder of the network that is trained on all of them


def cross_validate(
    experiment: Experiment,
    output_dir: str | Path,
    flips: bool = False,
    report: bool = False,
    all_folds: bool = False,
) -> None:
    """Train and predict each fold, pool the folds' predictions, and average their networks on the test list.

    Finished folds are not repeated; an interrupted one goes on from its last epoch. Under ``torchrun`` the
    processes, one a GPU, take folds in turn, and the first one pools when all are done. They meet through the
    files in the folder only: each fold trains by itself, not in a group.

    Args:
        experiment: what is trained, and on what.
        output_dir: gains ``folds/K/``, ``held_out.csv``, ``validation.csv``, ``test.csv``, ``costs.json``,
            ``run.json``, ``ensemble.json`` (see :func:`calibrate_cross_validation`) and ``baselines/`` (see
            :func:`predict_baselines`); with ``flips`` also ``test_flipped.csv``.
        flips: also predict the test list averaging over flips of each scan.
        report: also write ``report.html`` and ``report.json`` (see :func:`write_report`).
        all_folds: also train one network on all folds, in ``all_folds/``, and predict the test list with it.

    Raises:
        UserError: the datalist is not fit for it (see :func:`cross_validation_folds`), another experiment
            began in the folder, or there is no test list for the network that trains on all folds.
    """
    output, rank = Path(output_dir), process_rank()
    with holding(output) if rank == 0 else nullcontext():
        _cross_validate(experiment, output, rank, flips, report, all_folds)


def _cross_validate(
    experiment: Experiment, output: Path, rank: int, flips: bool, report: bool, all_folds: bool
) -> None:
    processes = _take_device()
    indices = cross_validation_folds(experiment.datalist, **experiment.labels)
    if all_folds and not experiment.lists()["test"]:
        raise UserError(f"--all_folds: {experiment.datalist} has no list `test` to report on")
    claim_folder(output, experiment, write=rank == 0)
    flips = flips and bool(experiment.lists()["test"])
    folds = [Fold(experiment, index, output / "folds" / str(index)) for index in indices]
    whole = [Fold(experiment, None, output / ALL_FOLDS)] if all_folds else []
    mine = [*folds, *whole][rank::processes]
    left = [fold for fold in mine if not fold.record()]
    print(f"{len(folds)} folds, {len(mine) - len(left)} of this process's {len(mine)} trainings are finished")
    for position, fold in enumerate(left):
        what = "all folds" if fold.index is None else f"fold {fold.index}"
        print(f"{what}: training and predicting in {fold.folder}")
        fold.complete(folds_left=len(left) - position)
    if flips:
        for fold in mine:
            if fold.index is not None:
                fold.complete_flipped()
    if rank == 0:
        while not all(fold.is_complete(flips and fold.index is not None) for fold in [*folds, *whole]):
            time.sleep(POLL)  # other processes still work on theirs
        _merge(output, folds, flips)
        names = experiment.class_names
        calibrate_cross_validation(output, names)
        for fold in whole:
            _calibrate_model(fold.folder, names)
        left_out = sets_without_baselines(output)
        if left_out or report:
            scans = {
                "preprocessing": experiment.preprocessing(folds[0].checkpoint),
                "cache_dir": experiment.cache_dir,
                "label_mapping": experiment.labels["label_mapping"],
            }
            predict_baselines(output, experiment.datalist, names, sets=left_out, **scans)
            if report:
                write_report(output, experiment.datalist, names, **scans)


def process_rank() -> int:
    """Return this process's number under ``torchrun``, 0 without it."""
    return int(os.environ["RANK"]) if distributed.is_torchelastic_launched() else 0


def finished_folds(output_dir: str | Path, experiment: Experiment) -> list[Fold]:
    """Return the folds of a cross-validation whose predictions are there.

    Args:
        output_dir: of the cross-validation.
        experiment: that ran in it.
    """
    places = sorted(Path(output_dir, "folds").glob("*/fold.json"), key=lambda path: int(path.parent.name))
    return [Fold(experiment, int(path.parent.name), path.parent) for path in places]


def _merge(output: Path, folds: list[Fold], flips: bool) -> None:
    experiment = folds[0].experiment
    lists, names = experiment.lists(), experiment.class_names
    held_out: dict[Any, PredictionTable] = {}
    validation = []
    for fold in folds:
        items = [item for item in lists["training"] if item["fold"] == fold.index]
        held_out[fold.index] = read_checked(fold.folder / "held_out.csv", items, names)
        selecting = experiment.items(fold.index)["select"]
        validation.append(read_checked(fold.folder / "validation.csv", selecting, names))
    pool(held_out).write(output / "held_out.csv")
    average(validation).write(output / "validation.csv")
    files = ["test.csv", "test_flipped.csv"] if flips else ["test.csv"]
    for file in files if lists["test"] else []:
        average([read_checked(fold.folder / file, lists["test"], names) for fold in folds]).write(
            output / file
        )
    records: dict[Any, dict[str, Any]] = {fold.index: fold.record() for fold in folds}
    write_json(output / "costs.json", _costs(records))
    complete_record(output, experiment, records)


def _costs(records: dict) -> dict[str, float]:
    """Return seconds a scan, on its grid already: of one network, of all of them, with and without flips."""
    costs = {}
    for kind in ("network", "network_with_flips"):
        seconds = [record["seconds_per_scan"].get(kind) for record in records.values()]
        if None not in seconds:
            costs[kind.replace("network", "single_network")] = sum(seconds) / len(seconds)
            costs[kind.replace("network", "ensemble")] = sum(seconds)
    return costs


def _take_device() -> int:
    """Give each process of this machine a GPU of its own; return how many processes there are."""
    if not distributed.is_torchelastic_launched():
        return 1
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return int(os.environ["WORLD_SIZE"])


ENSEMBLE = "ensemble.json"
FITTED_ON = "the validation list"  # no path of this machine, for model files travel
REPORTED = ("validation.csv", "held_out.csv", "test.csv", "test_flipped.csv")


def calibrate_cross_validation(
    output_dir: str | Path, class_names: Sequence[str]
) -> dict[int | None, Calibration]:
    """Fit the calibrations on the scans that select, and write calibrated beside raw probabilities.

    No reported scan moves what is fitted. Done twice, it gives the same: the raw columns are what it reads.

    Args:
        output_dir: of a cross-validation whose folds are pooled. The model file of each fold's checkpoint
            gains its calibration, ``ensemble.json`` that of the mean of all; in ``validation.csv``,
            ``held_out.csv``, ``test.csv`` and ``test_flipped.csv`` of both the probabilities become
            calibrated ones.
        class_names: by index.

    Returns:
        By fold; None is the ensemble. Without predictions of scans that select, there is none.
    """
    output = Path(output_dir)
    fitted: dict[int | None, Calibration] = {}
    folders = sorted(output.glob("folds/[0-9]*"), key=lambda path: int(path.name))
    checkpoints = [folder / "model.pt" for folder in folders]
    for folder in folders:
        found = _calibrate_model(folder, class_names)
        if found is not None:
            fitted[int(folder.name)] = found
    ensemble = _fit(output, class_names, ModelFile.of(checkpoints[0]).training_prior)
    if ensemble is not None:
        fitted[None] = ensemble
    record = None if ensemble is None else CalibrationRecord.of(ensemble)
    EnsembleFile.write(output / ENSEMBLE, checkpoints, record)
    of_ensemble = [output / name for name in REPORTED if name != "held_out.csv"]
    _apply({None: ensemble}, of_ensemble, class_names)
    _apply({**fitted, None: None}, [output / "held_out.csv"], class_names)
    return fitted


def _calibrate_model(folder: Path, class_names: Sequence[str]) -> Calibration | None:
    """Do the same for one training: its model file, and the tables beside it."""
    model = ModelFile.of(folder / "model.pt")
    found = _fit(folder, class_names, model.training_prior)
    if found is not None:
        model.model_copy(update={"calibration": CalibrationRecord.of(found)}).write(folder / "model.pt")
        _apply({None: found}, [folder / name for name in REPORTED], class_names)
    return found


def apply_calibration(table: PredictionTable, folder: str | Path) -> PredictionTable:
    """Return the table calibrated as the ensemble of a folder is; as it is where there is no calibration."""
    record = EnsembleFile.read(Path(folder) / ENSEMBLE).calibration
    if record is None or not len(table):
        return table
    table = table.with_raw()
    return table.with_probabilities(record.calibration().apply(table.uncalibrated().probabilities))


def _fit(folder: Path, class_names: Sequence[str], training_prior: Sequence[float]) -> Calibration | None:
    path = folder / "validation.csv"
    table = read_table(path, class_names, may_be_all_refused=True) if path.is_file() else None
    if table is None or not len(table):
        return None
    prior = list(training_prior) or [1 / len(class_names)] * len(class_names)
    return fit_calibration(replace(table, source=FITTED_ON), class_names, prior)


def _apply(
    calibrations: Mapping[int | None, Calibration | None], paths: Sequence[Path], class_names: Sequence[str]
) -> None:
    """Write calibrated probabilities: by each row's fold, or all by the one calibration under None."""
    for path in paths:
        table = read_table(path, class_names, may_be_all_refused=True) if path.is_file() else None
        if table is None or not len(table):
            continue
        table = table.with_raw()
        raw = table.uncalibrated().probabilities
        calibrated, folds = raw.copy(), table.folds
        for fold in [None] if folds is None else np.unique(folds).tolist():
            rows = slice(None) if fold is None else folds == fold
            found = calibrations.get(fold)
            if found is not None:
                calibrated[rows] = found.apply(raw[rows])
        table.with_probabilities(calibrated).write(path)
