"""A table of predictions with its truth, read from CSV and checked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scripts.errors import UserError

from .table_file import class_columns, read_predictions

__all__ = ["PredictionTable", "check_apart", "patient_level", "read_table"]

ROUNDING = 1e-3  # by which a row's probabilities may miss one


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """What a network answered for N labelled scans.

    Attributes:
        source: file, for messages.
        images: as the datalist names them.
        patients: whose scan each row is.
        labels: ``(N,)`` class indices.
        probabilities: ``(N, C)``.
        folds: ``(N,)`` fold that was held out, or None.
        heat_maps: path of each scan's heat map, empty where there is none.
        refused: scans without an answer, with the reason; they are in none of the arrays.
    """

    source: str
    images: list[str]
    patients: list[str]
    labels: np.ndarray
    probabilities: np.ndarray
    folds: np.ndarray | None = None
    heat_maps: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def with_probabilities(self, probabilities: np.ndarray) -> "PredictionTable":
        """Return the same scans with other answers."""
        return replace(self, probabilities=probabilities)

    def rows(self, chosen: np.ndarray) -> "PredictionTable":
        """Return some of the scans.

        Args:
            chosen: indices, or a mask ``(N,)``.
        """
        indices = np.arange(len(self))[chosen]
        return PredictionTable(
            self.source,
            [self.images[i] for i in indices],
            [self.patients[i] for i in indices],
            self.labels[indices],
            self.probabilities[indices],
            None if self.folds is None else self.folds[indices],
            tuple(self.heat_maps[i] for i in indices) if self.heat_maps else (),
        )


def read_table(path: str | Path, class_names: Sequence[str]) -> PredictionTable:
    """Read the predictions of a labelled set.

    Args:
        path: a file of the form of ``predictions.csv``, perhaps with a column ``fold``.
        class_names: one name a class.

    Raises:
        UserError: a column is missing, a label is unknown, a value is no probability, a row's probabilities
            do not sum to one, a scan has two rows, a patient is in two folds, or no scan was answered.
    """
    path = Path(path)
    rows = read_predictions(path)
    columns = class_columns(class_names)
    if not rows:
        raise UserError(f"{path}: has no row; expected one a scan")
    missing = [name for name in ("image", "patient", "label", *columns) if name not in rows[0]]
    if missing:
        raise UserError(f"{path}: has no column {', '.join(missing)}; expected a table as predictions.csv")
    _check_once(path, [row["image"] for row in rows])
    answered = [row for row in rows if row[columns[0]]]
    if not answered:
        raise UserError(f"{path}: all {len(rows)} scans were refused; its column `reason` says why")
    table = PredictionTable(
        str(path),
        [row["image"] for row in answered],
        [row["patient"] or row["image"] for row in answered],
        np.array([_label(path, row, len(class_names)) for row in answered]),
        np.array([_probabilities(path, row, columns) for row in answered]),
        np.array([int(row["fold"]) for row in answered]) if "fold" in rows[0] else None,
        tuple(row.get("heat_map") or "" for row in answered),
        tuple((row["image"], row.get("reason", "")) for row in rows if not row[columns[0]]),
    )
    _check_folds(table)
    return table


def patient_level(table: PredictionTable) -> tuple[PredictionTable, list[str]]:
    """Return one row a patient: the mean of the probabilities of the patient's scans.

    Returns:
        The table, its ``images`` being the patients' names; and the patients left out because their scans
        have different labels.
    """
    patients, owner = np.unique(table.patients, return_inverse=True)
    scans = np.bincount(owner)
    sums = np.zeros((len(patients), table.probabilities.shape[1]))
    np.add.at(sums, owner, table.probabilities)
    lowest, highest = np.full(len(patients), np.iinfo(int).max), np.full(len(patients), -1)
    np.minimum.at(lowest, owner, table.labels)
    np.maximum.at(highest, owner, table.labels)
    one_label = lowest == highest
    names = patients[one_label].tolist()
    means = (sums / scans[:, None])[one_label]
    merged = PredictionTable(table.source, names, names, lowest[one_label], means)
    return merged, patients[~one_label].tolist()


def check_apart(tables: Sequence[PredictionTable]) -> None:
    """Check that no patient is in two of the tables.

    Raises:
        UserError: one is: what is fitted or selected on the one is then reported on itself.
    """
    home: dict[str, str] = {}
    for table in tables:
        for patient in set(table.patients):
            first = home.setdefault(patient, table.source)
            if first != table.source:
                raise UserError(
                    f"patient {patient} is in {first} and in {table.source}; scans that select or calibrate "
                    f"must be of other patients than those reported: split the datalist by patient"
                )


def _check_once(path: Path, images: list[str]) -> None:
    image, times = Counter(images).most_common(1)[0]
    if times > 1:
        raise UserError(f"{path}: {image} has {times} rows; expected one a scan; remove the others")


def _label(path: Path, row: dict[str, str], classes: int) -> int:
    if row["label"] not in map(str, range(classes)):
        raise UserError(
            f"{path}: {row['image']} has label {row['label']!r}; expected 0 to {classes - 1}; "
            f"figures need the label of every scan"
        )
    return int(row["label"])


def _probabilities(path: Path, row: dict[str, str], columns: list[str]) -> list[float]:
    try:
        values = [float(row[column]) for column in columns]
    except ValueError:
        values = [np.nan]
    if not all(0 <= value <= 1 for value in values):
        found = ", ".join(row[column] or "nothing" for column in columns)
        raise UserError(f"{path}: {row['image']} has the probabilities {found}; expected numbers from 0 to 1")
    if abs(sum(values) - 1) > ROUNDING:
        raise UserError(
            f"{path}: the probabilities of {row['image']} sum to {sum(values):.4g}; expected 1 "
            f"(softmax outputs, not logits or scores)"
        )
    return values


def _check_folds(table: PredictionTable) -> None:
    if table.folds is None:
        return
    home: dict[str, int] = {}
    for patient, fold in zip(table.patients, table.folds.tolist(), strict=True):
        if home.setdefault(patient, fold) != fold:
            raise UserError(
                f"{table.source}: patient {patient} is in fold {home[patient]} and in fold {fold}; "
                f"all scans of a patient belong in one fold"
            )
