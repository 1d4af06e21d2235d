"""The report's curves, in colours and line styles that the colour-blind and a printer tell apart."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from scripts.page import colour
from scripts.statistics import PredictionTable

from .tables import STAGES

__all__ = ["set_figures", "training_figures"]

LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LARGEST = 900  # points squared: area of the disc of a bin that holds all scans
SMALL = (4.6, 3.6)  # inches: legible at the width of a phone
LOSSES = {
    "combined_loss": "term of all classes",
    "detection_loss": "detection term",
    "type_loss": "type term",
    "loss": "whole loss",
}


def set_figures(content: Mapping[str, Any], table: PredictionTable) -> dict[str, Any]:
    """Draw the figures of one set of scans.

    Args:
        content: of the set, in report.json.
        table: of the scans.

    Returns:
        A ``matplotlib.figure.Figure`` each: ``confusion``, ``roc``, ``precision_recall``, ``reliability``.
    """
    stages = {STAGES[stage]: bins for stage, bins in content["calibration"]["reliability"].items()}
    return {
        "confusion": confusion_figure(content["metrics"]["confusion_matrix"]["counts"], table.class_names),
        "roc": curve_figure(table, "roc"),
        "precision_recall": curve_figure(table, "precision_recall"),
        "reliability": reliability_figure(stages),
    }


def training_figures(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    """Draw the curves of training, as far as the histories hold them.

    Args:
        histories: rows of history.csv, by fold.

    Returns:
        Figures by their captions.
    """
    columns = {column for rows in histories.values() for row in rows for column in row}
    terms = [name for name in ("combined_loss", "detection_loss", "type_loss") if name in columns]
    losses: list[str] = list(terms) or sorted({"loss"} & columns)
    figures = {}
    if losses:
        figures["Training loss: a line a fold"] = loss_figure(histories, losses, "training loss")
    if "validation_accuracy" in columns:
        drawn = loss_figure(histories, ["validation_accuracy"], "accuracy")
        figures["Accuracy on the scans that select the checkpoint: a line a fold"] = drawn
    return figures


def curve_figure(table: PredictionTable, kind: str) -> Any:
    """Draw one-vs-rest curves, a line a class.

    Args:
        table: of the scans that are reported.
        kind: ``roc`` or ``precision_recall``.

    Returns:
        A ``matplotlib.figure.Figure``.
    """
    figure, axes = _axes()
    for index, name in enumerate(table.class_names):
        positive = table.labels == index
        if not positive.any() or positive.all():
            continue
        style = {"color": colour(index), "linestyle": LINES[index % len(LINES)], "label": name}
        if kind == "roc":
            false, true, _ = roc_curve(positive, table.probabilities[:, index])
            axes.plot(false, true, **style)
        else:
            precision, recall, _ = precision_recall_curve(positive, table.probabilities[:, index])
            axes.step(recall, precision, where="post", **style)
    if kind == "roc":
        axes.plot([0, 1], [0, 1], color="#888888", linewidth=0.8)
        axes.set(xlabel="1 - specificity", ylabel="sensitivity")
    else:
        axes.set(xlabel="recall", ylabel="precision")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    _legend(axes)
    return figure


def reliability_figure(stages: Mapping[str, Sequence[Mapping[str, Any]]]) -> Any:
    """Draw accuracy over confidence, before and after calibration; discs grow with the scans in the bin.

    Args:
        stages: bins of :func:`~scripts.statistics.reliability`, by the name of the stage.
    """
    figure, axes = _axes()
    axes.plot([0, 1], [0, 1], color="#888888", linewidth=0.8)
    for index, (name, bins) in enumerate(stages.items()):
        confidence, accuracy, scans = (
            np.array([each[key] for each in bins]) for key in ("confidence", "accuracy", "scans")
        )
        style = {"color": colour(index), "linestyle": LINES[index], "marker": MARKERS[index]}
        axes.plot(confidence, accuracy, label=name, linewidth=0.8, markersize=4, **style)
        axes.scatter(confidence, accuracy, LARGEST * scans / scans.sum(), colour(index), alpha=0.3)
    axes.set(xlabel="confidence (highest probability)", ylabel="accuracy", xlim=(0, 1.02), ylim=(-0.02, 1.02))
    _legend(axes)
    return figure


def confusion_figure(counts: Sequence[Sequence[int]], class_names: Sequence[str]) -> Any:
    """Draw a confusion matrix: counts, shaded by their share of the row."""
    figure, axes = _axes()
    matrix = np.array(counts)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*matrix.shape):
        dark = shares[row, column] > 0.5
        text = f"{matrix[row, column]}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
    ticks = range(len(class_names))
    axes.set_xticks(ticks, [name.replace(" ", "\n") for name in class_names])
    axes.set_yticks(ticks, [name.replace(" ", "\n") for name in class_names])
    axes.set(xlabel="prediction", ylabel="label")
    return figure


def loss_figure(
    histories: Mapping[str, Sequence[Mapping[str, float]]],
    columns: Sequence[str],
    ylabel: str,
    names: Callable[[str], str] = lambda column: LOSSES.get(column, column.replace("_", " ")),
) -> Any:
    """Draw columns of the histories over the epochs: a line a fold, a style a column.

    Args:
        histories: rows of history.csv, by fold.
        columns: to draw; a row without one is left out.
        ylabel: of the axis.
        names: of the columns, for the legend.
    """
    figure, axes = _axes()
    for number, column in enumerate(columns):
        label: str | None = names(column)
        for rows in histories.values():
            points = [(row["epoch"], row[column]) for row in rows if column in row]
            if points:
                style = {"color": colour(number), "linestyle": LINES[number % len(LINES)]}
                marker = "" if len(points) > 20 else MARKERS[number]
                axes.plot(
                    *zip(*points, strict=True), label=label, linewidth=1, alpha=0.8, marker=marker, **style
                )
                label = None
    axes.set(xlabel="epoch", ylabel=ylabel)
    _legend(axes)
    return figure


def _axes() -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SMALL, layout="constrained")
    return figure, figure.subplots()


def _legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize="small")
