"""The form of predictions.csv."""

import csv
from collections.abc import Sequence
from pathlib import Path

from scripts.errors import UserError

__all__ = ["class_columns", "read_predictions"]


def class_columns(class_names: Sequence[str]) -> list[str]:
    """Return the names of the probability columns.

    Example:
        >>> class_columns(["non-pneumonia", "COVID-19"])
        ['prob_non_pneumonia', 'prob_covid_19']
    """
    return ["prob_" + name.lower().replace("-", "_").replace(" ", "_") for name in class_names]


def read_predictions(path: str | Path) -> list[dict[str, str]]:
    """Read the rows of a predictions.csv, every value as text.

    Raises:
        UserError: there is no such file.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run evaluation or inference first") from None
