"""The form of predictions.csv: its columns, and its rows as text."""

import re
from collections.abc import Sequence
from pathlib import Path

from scripts.errors import UserError
from scripts.text_files import read_rows

__all__ = ["DIGITS", "class_columns", "prediction_columns", "raw_columns", "read_predictions"]

DIGITS = 9  # significant ones of a probability: as many as tell any two float32 apart


def class_columns(class_names: Sequence[str]) -> list[str]:
    """Return the names of the columns of (calibrated) probabilities.

    Raises:
        UserError: two classes would share a column, or a name has no letter or digit.

    Example:
        >>> class_columns(["non-pneumonia", "COVID-19"])
        ['prob_non_pneumonia', 'prob_covid_19']
    """
    words = [re.sub(r"\W+", "_", name.lower()).strip("_") for name in class_names]
    if "" in words or len(set(words)) < len(words):
        raise UserError(
            f"the classes {', '.join(map(repr, class_names))} do not name columns of their own; "
            f"expected names that differ in letters or digits"
        )
    return [f"prob_{word}" for word in words]


def raw_columns(class_names: Sequence[str]) -> list[str]:
    """Return the names of the columns of probabilities as the network said them.

    Example:
        >>> raw_columns(["non-pneumonia", "COVID-19"])
        ['raw_prob_non_pneumonia', 'raw_prob_covid_19']
    """
    return [f"raw_{column}" for column in class_columns(class_names)]


def prediction_columns(class_names: Sequence[str], fold: bool = False, source: bool = False) -> list[str]:
    """Return all columns of a predictions.csv, in order.

    Args:
        class_names: in the order of the network's outputs.
        fold: the scans were held out in folds.
        source: the scans come from several places.
    """
    optional = [name for name, there in (("fold", fold), ("source", source)) if there]
    probabilities = [*class_columns(class_names), *raw_columns(class_names)]
    rest = ["prediction", "above_threshold", "abstain", "reason", "training_distance", "flags", "heat_map"]
    return ["image", "patient", "label", *optional, *probabilities, *rest]


def read_predictions(path: str | Path) -> list[dict[str, str]]:
    """Read the rows of a predictions.csv, every value as text.

    Raises:
        UserError: there is no such file.
    """
    try:
        return read_rows(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run evaluation or inference first") from None
