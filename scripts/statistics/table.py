"""The table of predictions of a labelled set: a pandas frame, pooled, averaged, written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scripts.files import write_whole
from scripts.text_files import as_cell

from .columns import DIGITS, class_columns, prediction_columns, raw_columns

__all__ = ["PredictionTable", "average", "patient_level", "pool", "write_frame"]


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
        return len(self.predicted)

    @cached_property
    def predicted(self) -> pd.DataFrame:
        """The rows of the scans that have a prediction."""
        return self.frame[self.frame[class_columns(self.class_names)[0]].notna()]

    @property
    def images(self) -> list[str]:
        """As the datalist names them."""
        return self.predicted["image"].tolist()

    @property
    def patients(self) -> list[str]:
        """Whose scan each row is."""
        return self.predicted["patient"].tolist()

    @cached_property
    def labels(self) -> np.ndarray:
        """Class indices, ``(N,)``."""
        return self.predicted["label"].to_numpy(dtype=int)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """What people read, ``(N, C)``: calibrated where the run has a calibration."""
        return self.predicted[class_columns(self.class_names)].to_numpy(dtype=float)

    @cached_property
    def raw(self) -> np.ndarray | None:
        """What the network said, ``(N, C)``; None where the file does not have it."""
        columns = raw_columns(self.class_names)
        if columns[0] not in self.frame:
            return None
        return self.predicted[columns].to_numpy(dtype=float)

    @cached_property
    def folds(self) -> np.ndarray | None:
        """The fold that each scan was held out in, ``(N,)``, or None."""
        return self.predicted["fold"].to_numpy(dtype=int) if "fold" in self.frame else None

    @property
    def heat_maps(self) -> list[str]:
        """Path of each scan's heat map, empty where there is none."""
        return self.predicted["heat_map"].tolist() if "heat_map" in self.frame else [""] * len(self)

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
        there = self.predicted.index
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
        return replace(self, frame=self.predicted.iloc[indices].reset_index(drop=True))

    def write(self, path: str | Path) -> None:
        """Write it as CSV, probabilities with nine significant digits; whole or not at all."""
        known = prediction_columns(self.class_names, fold=True, source=True)
        others = [name for name in self.frame if name not in known]
        write_frame(self.frame[[*(name for name in known if name in self.frame), *others]], path)


def patient_level(table: PredictionTable) -> tuple[PredictionTable, list[str]]:
    """Return one row a patient: the mean of the probabilities of the patient's scans.

    Returns:
        The table, its ``images`` being the patients' names; and the patients left out because their scans
        have different labels.
    """
    by_patient = table.predicted.groupby("patient", sort=True)
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


def write_frame(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame as CSV, numbers with nine significant digits; no spreadsheet runs a cell of it."""
    texts = frame.select_dtypes(["object", "string"]).map(as_cell)
    safe = frame.assign(**texts).rename(columns=as_cell)
    write_whole(path, safe.to_csv(index=False, float_format=f"%.{DIGITS}g"))
