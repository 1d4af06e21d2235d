"""The table of predictions of a labelled set: read from CSV and checked, averaged, written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scripts.errors import UserError

from .columns import DIGITS, class_columns, prediction_columns, raw_columns

__all__ = ["PredictionTable", "average", "check_apart", "patient_level", "pool", "read_table", "write_frame"]

ROUNDING = 1e-3  # by which a row's probabilities may miss one


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """A row a scan, refused ones too; the arrays are of the N scans that have a prediction.

    Attributes:
        frame: the columns of predictions.csv; probabilities are numbers, NaN for a refused scan.
        class_names: in the order of the network's outputs.
        source: file, for messages.
    """

    frame: pd.DataFrame
    class_names: tuple[str, ...]
    source: str

    @classmethod
    def of(
        cls,
        class_names: Sequence[str],
        probabilities: np.ndarray,
        columns: Mapping[str, Any],
        raw: np.ndarray | None = None,
        source: str = "predictions",
    ) -> "PredictionTable":
        """Make a table of arrays.

        Args:
            class_names: C names.
            probabilities: ``(N, C)``.
            columns: ``image``, ``patient`` and ``label`` (class indices), and others of N values.
            raw: ``(N, C)`` as the network said them, where ``probabilities`` are calibrated.
            source: for messages.
        """
        names = tuple(class_names)
        values = {name: np.asarray(column) for name, column in columns.items()}
        frame = pd.DataFrame(values | dict(zip(class_columns(names), probabilities.T, strict=True)))
        if raw is not None:
            frame[raw_columns(names)] = raw
        frame["prediction"] = [names[index] for index in probabilities.argmax(axis=1)]
        return cls(frame, names, source)

    def __len__(self) -> int:
        return len(self.answered)

    @cached_property
    def answered(self) -> pd.DataFrame:
        """The rows of the scans that have a prediction."""
        return self.frame[self.frame[class_columns(self.class_names)[0]].notna()]

    @property
    def images(self) -> list[str]:
        """As the datalist names them."""
        return self.answered["image"].tolist()

    @property
    def patients(self) -> list[str]:
        """Whose scan each row is."""
        return self.answered["patient"].tolist()

    @cached_property
    def labels(self) -> np.ndarray:
        """Class indices, ``(N,)``."""
        return self.answered["label"].to_numpy(dtype=int)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """What people read, ``(N, C)``: calibrated where the run has a calibration."""
        return self.answered[class_columns(self.class_names)].to_numpy(dtype=float)

    @cached_property
    def raw(self) -> np.ndarray | None:
        """What the network said, ``(N, C)``; None where the file does not have it."""
        columns = raw_columns(self.class_names)
        if columns[0] not in self.frame:
            return None
        return self.answered[columns].to_numpy(dtype=float)

    @cached_property
    def folds(self) -> np.ndarray | None:
        """The fold that each scan was held out in, ``(N,)``, or None."""
        return self.answered["fold"].to_numpy(dtype=int) if "fold" in self.frame else None

    @property
    def heat_maps(self) -> list[str]:
        """Path of each scan's heat map, empty where there is none."""
        return self.answered["heat_map"].tolist() if "heat_map" in self.frame else [""] * len(self)

    @property
    def refused(self) -> pd.DataFrame:
        """The rows of the scans without a prediction."""
        return self.frame[self.frame[class_columns(self.class_names)[0]].isna()]

    def uncalibrated(self) -> "PredictionTable":
        """Return the same scans with the probabilities that the network said, as far as these are known."""
        return self if self.raw is None else self.with_probabilities(self.raw)

    def with_probabilities(self, probabilities: np.ndarray) -> "PredictionTable":
        """Return the same scans with other probabilities, ``(N, C)``, and the predictions that follow."""
        frame = self.frame.copy()
        there = self.answered.index
        frame.loc[there, class_columns(self.class_names)] = probabilities
        frame.loc[there, "prediction"] = [self.class_names[index] for index in probabilities.argmax(axis=1)]
        return replace(self, frame=frame)

    def with_raw(self) -> "PredictionTable":
        """Return the table with raw columns: those that it has, or its probabilities, then uncalibrated."""
        if self.raw is not None:
            return self
        frame = self.frame.copy()
        frame[raw_columns(self.class_names)] = frame[class_columns(self.class_names)].to_numpy()
        return replace(self, frame=frame)

    def with_column(self, name: str, values: Any) -> "PredictionTable":
        """Return the table with one more column: a value, or one a row."""
        return replace(self, frame=self.frame.assign(**{name: values}))

    def select(self, images: Sequence[str]) -> "PredictionTable":
        """Return the rows, refused ones too, of some scans, in the order of their names."""
        frame = self.frame.set_index("image", drop=False).loc[list(images)].reset_index(drop=True)
        return replace(self, frame=frame)

    def rows(self, chosen: np.ndarray) -> "PredictionTable":
        """Return some of the scans that have a prediction, by indices or a mask ``(N,)``."""
        indices = np.arange(len(self))[chosen]
        return replace(self, frame=self.answered.iloc[indices].reset_index(drop=True))

    def write(self, path: str | Path) -> None:
        """Write it as CSV, probabilities with nine significant digits; whole or not at all."""
        known = prediction_columns(self.class_names, fold=True, source=True)
        others = [name for name in self.frame if name not in known]
        write_frame(self.frame[[*(name for name in known if name in self.frame), *others]], path)


def read_table(
    path: str | Path, class_names: Sequence[str], may_be_all_refused: bool = False
) -> PredictionTable:
    """Read the predictions of a labelled set.

    Args:
        path: a file of the form of ``predictions.csv``, perhaps with columns ``fold``, ``source`` and the
            raw probabilities.
        class_names: of two classes or more.
        may_be_all_refused: a table without any prediction is one too.

    Raises:
        UserError: a column is missing, a label is unknown, a value is no probability, a row's probabilities
            do not sum to one, a scan has two rows, a patient is in two folds, or no scan has a prediction.
    """
    path, names = Path(path), tuple(class_names)
    frame = _read_text(path)
    columns, raw = class_columns(names), raw_columns(names)
    has_raw = any(column in frame for column in raw)
    needed = ["image", "patient", "label", *columns, *(raw if has_raw else [])]
    missing = [name for name in needed if name not in frame]
    if missing:
        raise UserError(f"{path}: has no column {', '.join(missing)}; expected a table as predictions.csv")
    _check_once(path, frame["image"])
    answered = frame[frame[columns[0]] != ""]
    if answered.empty and not may_be_all_refused:
        raise UserError(f"{path}: all {len(frame)} scans were refused; its column `reason` says why")
    _check_labels(path, answered, len(names))
    for each in (columns, raw) if has_raw else (columns,):
        _check_probabilities(path, answered, each)
        frame[each] = frame[each].apply(pd.to_numeric)
    frame["label"] = pd.to_numeric(frame["label"]).astype("Int64")
    frame["patient"] = frame["patient"].where(frame["patient"] != "", frame["image"])
    if "fold" in frame:
        frame["fold"] = frame["fold"].astype(int)
        _check_folds(path, frame)
    return PredictionTable(frame, names, str(path))


def patient_level(table: PredictionTable) -> tuple[PredictionTable, list[str]]:
    """Return one row a patient: the mean of the probabilities of the patient's scans.

    Returns:
        The table, its ``images`` being the patients' names; and the patients left out because their scans
        have different labels.
    """
    by_patient = table.answered.groupby("patient", sort=True)
    one_label = by_patient["label"].nunique() == 1
    patients = one_label.index[one_label]
    means = by_patient[class_columns(table.class_names)].mean().loc[patients].to_numpy()
    labels = by_patient["label"].first().loc[patients].to_numpy(dtype=int)
    columns = {"image": patients.tolist(), "patient": patients.tolist(), "label": labels}
    merged = PredictionTable.of(table.class_names, means, columns, source=table.source)
    return merged, one_label.index[~one_label].tolist()


def pool(tables: Mapping[int, PredictionTable]) -> PredictionTable:
    """Return the tables of several folds as one, with a column ``fold``.

    Args:
        tables: by the fold that was held out.
    """
    frames = [table.with_column("fold", fold).frame for fold, table in tables.items()]
    first = next(iter(tables.values()))
    return replace(first, frame=pd.concat(frames, ignore_index=True), source="the pooled folds")


def average(tables: Sequence[PredictionTable]) -> PredictionTable:
    """Return the mean of the probabilities, as the networks said them, of several networks.

    A scan that is missing from some tables is averaged over the others; one that some network refused stays
    refused, with the reason.

    Args:
        tables: of one network each.
    """
    names, raw = tables[0].class_names, raw_columns(tables[0].class_names)
    rows = pd.concat([table.with_raw().frame for table in tables], ignore_index=True)
    refused = rows[rows[raw[0]].isna()].drop_duplicates("image").set_index("image")
    means = rows.groupby("image", sort=False)[raw].mean()
    frame = rows.drop_duplicates("image").set_index("image")
    frame[class_columns(names)] = frame[raw] = means.loc[frame.index].to_numpy()
    frame.loc[refused.index] = refused[frame.columns]
    merged = PredictionTable(frame.reset_index(), names, "mean of the networks")
    return merged.with_probabilities(merged.probabilities)


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


def write_frame(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame as CSV, numbers with nine significant digits; the file appears whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    frame.to_csv(partial, index=False, float_format=f"%.{DIGITS}g")
    partial.replace(path)


def _read_text(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run evaluation or inference first") from None
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame()
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no table of comma-separated values ({error})") from None
    if frame.empty:
        raise UserError(f"{path}: has no row; expected one a scan")
    return frame


def _check_once(path: Path, images: pd.Series) -> None:
    counts = images.value_counts()
    if counts.iloc[0] > 1:
        raise UserError(
            f"{path}: {counts.index[0]} has {counts.iloc[0]} rows; expected one a scan; remove the others"
        )


def _check_labels(path: Path, answered: pd.DataFrame, classes: int) -> None:
    unknown = answered[~answered["label"].isin([str(label) for label in range(classes)])]
    if len(unknown):
        raise UserError(
            f"{path}: {unknown['image'].iloc[0]} has label {unknown['label'].iloc[0]!r}; expected 0 to "
            f"{classes - 1}; metrics need the label of every scan"
        )


def _check_probabilities(path: Path, answered: pd.DataFrame, columns: list[str]) -> None:
    values = answered[columns].apply(pd.to_numeric, errors="coerce")
    wrong = answered[~((values >= 0) & (values <= 1)).all(axis=1)]
    if len(wrong):
        found = ", ".join(value or "nothing" for value in wrong[columns].iloc[0])
        raise UserError(
            f"{path}: {wrong['image'].iloc[0]} has the probabilities {found}; expected numbers from 0 to 1"
        )
    sums = values.sum(axis=1)
    off = (sums - 1).abs() > ROUNDING
    if off.any():
        raise UserError(
            f"{path}: the probabilities of {answered['image'][off].iloc[0]} sum to {sums[off].iloc[0]:.4g}; "
            f"expected 1 (softmax outputs, not logits or scores)"
        )


def _check_folds(path: Path, frame: pd.DataFrame) -> None:
    folds = frame.groupby("patient")["fold"].unique()
    for patient, found in folds[folds.str.len() > 1].items():
        raise UserError(
            f"{path}: patient {patient} is in fold {found[0]} and in fold {found[1]}; "
            f"all scans of a patient belong in one fold"
        )
