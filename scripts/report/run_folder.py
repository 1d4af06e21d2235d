"""What lies in the folder of a cross-validation or of an evaluation."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.checkpoints import EnsembleFile, ModelFile
from scripts.csv_files import read_rows
from scripts.errors import UserError
from scripts.statistics import Calibration, PredictionTable, check_apart, read_table

__all__ = ["FoldFolder", "RunFolder", "read_run_folder"]


@dataclass(frozen=True, eq=False)
class FoldFolder:
    """One fold of a cross-validation; what the folder does not hold is None.

    Attributes:
        number: of the fold.
        path: its folder.
        validation: predictions of the scans that selected the checkpoint.
        held_out: of the scans of the fold.
        test: of the test list.
        calibration: that the run fitted on ``validation``.
        history: a row an epoch.
    """

    number: int
    path: Path
    validation: PredictionTable | None
    held_out: PredictionTable | None
    test: PredictionTable | None
    calibration: Calibration | None
    history: list[dict[str, float]]


@dataclass(frozen=True, eq=False)
class RunFolder:
    """The whole; what the folder does not hold is None or empty.

    Attributes:
        path: the folder.
        folds: of a cross-validation, in order.
        validation: predictions of the ensemble for the scans that select.
        held_out: pooled predictions of the held-out folds.
        test: predictions of the ensemble for the test list.
        test_flipped: the same, averaged over flips.
        predictions: of a plain evaluation, as written.
        calibration: of the ensemble, that the run fitted.
        stored: the calibration that the plain evaluation's predictions carry, and the stated prior.
        external: predictions of other data sets, by name.
        settings: ``run.json``, or the header of ``predictions.json`` and ``environment.json``.
        costs: seconds a scan.
        training_prior: shares of the classes in the training batches, where a calibration records them.
    """

    path: Path
    folds: list[FoldFolder]
    validation: PredictionTable | None
    held_out: PredictionTable | None
    test: PredictionTable | None
    test_flipped: PredictionTable | None
    predictions: PredictionTable | None
    calibration: Calibration | None
    stored: tuple[Calibration | None, list[float] | None]
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
    written = _json(folder / "predictions.json")
    stored, calibration = _stored(written), _calibration(folder / "ensemble.json")
    known = [stored[0], calibration, *(fold.calibration for fold in folds)]
    return RunFolder(
        folder,
        folds,
        **tables,
        calibration=calibration,
        stored=stored,
        external={
            file.stem.removeprefix("external_"): read_table(file, class_names)
            for file in sorted(folder.glob("external_*.csv"))
        },
        settings=_json(folder / "run.json") or _plain_settings(folder, written),
        costs=_json(folder / "costs.json"),
        training_prior=next((found.training_prior for found in known if found), None),
    )


def _read_fold(place: Path, class_names: Sequence[str]) -> FoldFolder:
    tables = {name: _table(place / f"{name}.csv", class_names) for name in ("validation", "held_out", "test")}
    check_apart([table for table in tables.values() if table])
    return FoldFolder(
        int(place.name),
        place,
        **tables,
        calibration=_calibration(place / "model.json"),
        history=_history(place / "history.csv"),
    )


def _table(path: Path, class_names: Sequence[str]) -> PredictionTable | None:
    return read_table(path, class_names) if path.is_file() else None


def _history(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    return [{name: float(value) for name, value in row.items() if value} for row in read_rows(path)]


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _calibration(path: Path) -> Calibration | None:
    """Return what the model file of a fold, or the file of the ensemble, holds."""
    if not path.is_file():
        return None
    found = EnsembleFile.read(path) if path.name == "ensemble.json" else ModelFile.read(path)
    return None if found.calibration is None else found.calibration.calibration()


def _stored(written: dict[str, Any]) -> tuple[Calibration | None, list[float] | None]:
    settings = written.get("settings") or {}
    content = settings.get("calibration")
    try:
        return (Calibration.from_json(content) if content else None), settings.get("prior")
    except TypeError as error:
        raise UserError(f"predictions.json: not a calibration ({error}); evaluate again") from None


def _plain_settings(folder: Path, written: dict[str, Any]) -> dict[str, Any]:
    header = {name: value for name, value in written.items() if name != "predictions"}
    return {**header, **_json(folder / "environment.json")}
