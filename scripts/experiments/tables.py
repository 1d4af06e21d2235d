"""Tables of predictions: checked, parted, pooled, averaged."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.datalists import CLASSES
from scripts.errors import UserError
from scripts.evaluation import class_columns, classification_metrics, read_predictions

__all__ = ["Row", "arrays", "average", "figures", "read_checked", "write_table"]

Row = dict[str, Any]
PROBABILITIES = class_columns(CLASSES)


def read_checked(path: str | Path, items: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Read predictions and make sure that they are those of a list of scans, whole and unspoilt.

    Args:
        path: a table as ``PredictionWriter`` writes it.
        items: of the datalist; each scan must have one row, with its own label.

    Returns:
        The rows, in the order of the items.

    Raises:
        UserError: scans are missing, unknown or repeated; a label differs from the datalist's; or the
            probabilities of a scan do not sum to one.
    """
    rows = read_predictions(path)
    by_name = {row["image"]: row for row in rows}
    names = [item["name"] for item in items]
    astray = sorted(set(names) ^ set(by_name))
    if astray or len(by_name) != len(rows):
        problem = f"{astray[0]} is in one of them only" if astray else "a scan has two rows"
        raise UserError(
            f"{path}: {len(rows)} rows do not fit the {len(items)} scans of the datalist ({problem}); "
            f"remove the file and run again"
        )
    for item in items:
        row = by_name[item["name"]]
        if int(row["label"]) != item["label"]:
            raise UserError(
                f"{path}: {item['name']} has label {row['label']}, in the datalist {item['label']}; "
                f"the labels changed after the prediction"
            )
        values = probabilities(row)
        if values is not None and not abs(values.sum() - 1) < 1e-3:
            raise UserError(
                f"{path}: the probabilities of {item['name']} sum to {values.sum():.4f}, not to 1"
            )
    return [by_name[name] for name in names]


def average(tables: Iterable[Sequence[Row]]) -> list[Row]:
    """Return the mean of the probabilities that several networks gave to each scan.

    A scan that is missing from some tables is averaged over the others; one that some network did not
    answer stays unanswered, with the reason.

    Args:
        tables: of one network each.
    """
    answers: dict[str, list[Row]] = {}
    for table in tables:
        for row in table:
            answers.setdefault(row["image"], []).append(row)
    return [_mean_row(rows) for rows in answers.values()]


def write_table(path: str | Path, rows: Sequence[Row]) -> None:
    """Write rows with equal columns to a CSV file; the file appears whole or not at all.

    Args:
        path: of the file.
        rows: at least one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)


def arrays(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the answered rows' probabilities ``(N, C)``, labels ``(N,)`` and patients.

    Args:
        rows: of one table.
    """
    answered = [row for row in rows if row["prediction"]]
    return (
        np.array([probabilities(row) for row in answered]),
        np.array([int(row["label"]) for row in answered]),
        [row["patient"] for row in answered],
    )


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the metrics of a table's answered rows, and how many were not.

    Args:
        rows: at least one of them answered.
    """
    table = arrays(rows)
    return {**classification_metrics(*table, CLASSES), "refused_scans": len(rows) - len(table[2])}


def probabilities(row: Row) -> np.ndarray | None:
    """Return a row's probabilities ``(C,)``, or None for a scan without an answer."""
    return np.array([float(row[column]) for column in PROBABILITIES]) if row["prediction"] else None


def _mean_row(rows: Sequence[Row]) -> Row:
    unanswered = [row for row in rows if not row["prediction"]]
    if unanswered:
        return dict(unanswered[0])
    mean = np.mean([[float(row[column]) for column in PROBABILITIES] for row in rows], axis=0)
    values = {column: round(float(value), 7) for column, value in zip(PROBABILITIES, mean, strict=True)}
    return {**rows[0], **values, "prediction": CLASSES[int(mean.argmax())]}
