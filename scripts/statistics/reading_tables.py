"""A predictions.csv, read and checked: what is wrong with it is said by file and scan."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from scripts.errors import UserError
from scripts.text_files import as_text

from .columns import class_columns, raw_columns
from .table import PredictionTable

__all__ = ["check_apart", "read_table"]

ROUNDING = 1e-3  # by which a row's probabilities may miss one


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
    predicted = frame[frame[columns[0]] != ""]
    if predicted.empty and not may_be_all_refused:
        raise UserError(f"{path}: all {len(frame)} scans were refused; its column `reason` says why")
    _check_labels(path, predicted, len(names))
    for each in (columns, raw) if has_raw else (columns,):
        _check_probabilities(path, predicted, each)
        frame[each] = frame[each].apply(pd.to_numeric)
    frame["label"] = pd.to_numeric(frame["label"]).astype("Int64")
    frame["patient"] = frame["patient"].where(frame["patient"] != "", frame["image"])
    if "fold" in frame:
        frame["fold"] = frame["fold"].astype(int)
        _check_folds(path, frame)
    return PredictionTable(frame, names, str(path))


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


def _read_text(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run evaluation or inference first") from None
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame()
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no table of comma-separated values ({error})") from None
    if frame.empty:
        raise UserError(f"{path}: has no row; expected one a scan")
    return frame.rename(columns=as_text).map(as_text)


def _check_once(path: Path, images: pd.Series) -> None:
    counts = images.value_counts()
    if counts.iloc[0] > 1:
        raise UserError(
            f"{path}: {counts.index[0]} has {counts.iloc[0]} rows; expected one a scan; remove the others"
        )


def _check_labels(path: Path, predicted: pd.DataFrame, classes: int) -> None:
    unknown = predicted[~predicted["label"].isin([str(label) for label in range(classes)])]
    if len(unknown):
        raise UserError(
            f"{path}: {unknown['image'].iloc[0]} has label {unknown['label'].iloc[0]!r}; expected 0 to "
            f"{classes - 1}; metrics need the label of every scan"
        )


def _check_probabilities(path: Path, predicted: pd.DataFrame, columns: list[str]) -> None:
    values = predicted[columns].apply(pd.to_numeric, errors="coerce")
    wrong = predicted[~((values >= 0) & (values <= 1)).all(axis=1)]
    if len(wrong):
        found = ", ".join(value or "nothing" for value in wrong[columns].iloc[0])
        raise UserError(
            f"{path}: {wrong['image'].iloc[0]} has the probabilities {found}; expected numbers from 0 to 1"
        )
    sums = values.sum(axis=1)
    off = (sums - 1).abs() > ROUNDING
    if off.any():
        raise UserError(
            f"{path}: the probabilities of {predicted['image'][off].iloc[0]} sum to {sums[off].iloc[0]:.4g}; "
            f"expected 1 (softmax outputs, not logits or scores)"
        )


def _check_folds(path: Path, frame: pd.DataFrame) -> None:
    folds = frame.groupby("patient")["fold"].unique()
    for patient, found in folds[folds.str.len() > 1].items():
        raise UserError(
            f"{path}: patient {patient} is in fold {found[0]} and in fold {found[1]}; "
            f"all scans of a patient belong in one fold"
        )
