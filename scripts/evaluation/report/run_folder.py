"""What lies in the folder of a cross-validation or of an evaluation."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from scripts.training import balanced_counts

from ..stored_calibration import Calibration
from ..table import PredictionTable, check_apart, read_table

__all__ = ["FoldFolder", "RunFolder", "read_run_folder"]


@dataclass(frozen=True, eq=False)
class FoldFolder:
    """One fold of a cross-validation; what the folder does not hold is None.

    Attributes:
        number: of the fold.
        path: its folder.
        validation: uncalibrated answers for the scans that selected the checkpoint.
        held_out: for the scans of the fold.
        test: for the test list.
        history: a row an epoch.
    """

    number: int
    path: Path
    validation: PredictionTable | None
    held_out: PredictionTable | None
    test: PredictionTable | None
    history: list[dict[str, float]]


@dataclass(frozen=True, eq=False)
class RunFolder:
    """The whole; what the folder does not hold is None or empty.

    Attributes:
        path: the folder.
        folds: of a cross-validation, in order.
        validation: uncalibrated answers of the ensemble for the scans that select.
        held_out: pooled answers for the held-out folds.
        test: uncalibrated answers of the ensemble for the test list.
        test_flipped: the same, averaged over flips.
        predictions: of a plain evaluation, as written.
        stored: the calibration that the plain evaluation's answers carry, and the stated prior.
        external: answers for other data sets, by name.
        settings: ``run.json``, or the header of ``predictions.json`` and ``environment.json``.
        costs: seconds a scan.
        training_prior: shares of the classes in the training batches, where the run says so.
    """

    path: Path
    folds: list[FoldFolder]
    validation: PredictionTable | None
    held_out: PredictionTable | None
    test: PredictionTable | None
    test_flipped: PredictionTable | None
    predictions: PredictionTable | None
    stored: tuple[Calibration, list[float] | None] | None
    external: dict[str, PredictionTable] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    training_prior: list[float] | None = None


def read_run_folder(path: str | Path, class_names: Sequence[str]) -> RunFolder:
    """Read what a run left behind, and check that nothing was selected on what is reported.

    Args:
        path: the ``output_dir`` of a cross-validation or an evaluation.
        class_names: one name a class.

    Raises:
        UserError: a table is not as :func:`read_table` expects, or a patient is both among those who select
            or calibrate and among those reported.
    """
    folder = Path(path)
    folds = [
        _read_fold(place, class_names)
        for place in sorted((folder / "folds").glob("[0-9]*"), key=lambda place: int(place.name))
    ]
    tables = {
        name: _table(folder / f"{name}.csv", class_names)
        for name in ("validation", "held_out", "test", "test_flipped", "predictions")
    }
    check_apart([table for table in (tables["validation"], tables["test"]) if table])
    check_apart([table for table in (tables["held_out"], tables["test"]) if table])
    answers = _json(folder / "predictions.json")
    return RunFolder(
        folder,
        folds,
        **tables,
        stored=_stored(answers),
        external={
            file.stem.removeprefix("external_"): read_table(file, class_names)
            for file in sorted(folder.glob("external_*.csv"))
        },
        settings=_json(folder / "run.json") or _plain_settings(folder, answers),
        costs=_json(folder / "costs.json"),
        training_prior=_training_prior(folder, len(class_names)),
    )


def _read_fold(place: Path, class_names: Sequence[str]) -> FoldFolder:
    tables = {name: _table(place / f"{name}.csv", class_names) for name in ("validation", "held_out", "test")}
    check_apart([table for table in tables.values() if table])
    return FoldFolder(int(place.name), place, **tables, history=_history(place / "history.csv"))


def _table(path: Path, class_names: Sequence[str]) -> PredictionTable | None:
    return read_table(path, class_names) if path.is_file() else None


def _history(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _stored(answers: dict[str, Any]) -> tuple[Calibration, list[float] | None] | None:
    content = dict((answers.get("settings") or {}).get("calibration") or {})
    if not content:
        return None
    prior, _ = content.pop("prior", None), content.pop("file", None)
    return Calibration(**content), prior


def _plain_settings(folder: Path, answers: dict[str, Any]) -> dict[str, Any]:
    header = {name: value for name, value in answers.items() if name != "predictions"}
    return {**header, **_json(folder / "environment.json")}


def _training_prior(folder: Path, num_classes: int) -> list[float] | None:
    """Return the shares of the classes in balanced batches, as run.json or the run's config has them."""
    stated = _json(folder / "run.json").get("training_prior")
    if stated:
        return [float(share) for share in stated]
    for file in (folder / "config.yaml", *sorted((folder / "folds").glob("*/config.yaml"))):
        if file.is_file():
            counts = ConfigParser.load_config_file(file).get("batch_sampler", {}).get("counts")
            if isinstance(counts, dict):  # those that train.yaml works out of the number of classes
                counts = balanced_counts(num_classes)
            return [count / sum(counts) for count in counts] if counts else None
    return None
