"""Sections of the report: figures of each set, and of the folds."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.page import Page

from .cells import ONE_VS_REST, THREE_CLASS, metric, spread, with_interval
from .figures import confusion_figure, curve_figure, loss_figure
from .reported import Reported
from .run_folder import RunFolder

__all__ = ["add_folds", "add_results"]


def add_results(page: Page, each: Mapping[str, Any], reported: Reported, names: Sequence[str]) -> None:
    """Add the figures of one set of scans, with its confusion matrix and curves."""
    page.section(f"Results: {each['title']}")
    _metrics_tables(page, each["metrics"], names, "by scan")
    if each.get("patient_level") and each["patient_level"]["metrics"]:
        rule = each["patient_level"]["rule"]
        _metrics_tables(page, each["patient_level"]["metrics"], names, f"by patient ({rule})")
    for figure, reason in each["metrics"]["undefined"].items():
        page.text(f"Not defined: {figure}, because {reason}.")
    table = reported.shown
    counts = each["metrics"]["confusion_matrix"]["counts"]
    page.figure(
        confusion_figure(counts, names), f"Confusion matrix, {each['title']}: counts, share of the row"
    )
    page.figure(curve_figure(table, names, "roc"), f"ROC, {each['title']}: each class against the rest")
    page.figure(
        curve_figure(table, names, "precision_recall"),
        f"Precision and recall, {each['title']}: each class against the rest",
    )


def _metrics_tables(page: Page, metrics: Mapping[str, Any], names: Sequence[str], level: str) -> None:
    rows = [[title, metric(metrics, key)] for key, title in THREE_CLASS.items()]
    size = f"{metrics['scans']} rows of {metrics['patients']} patients"
    page.table(["figure", "value (95 % interval)"], rows, f"Three classes, {level}: {size}")
    rows = [
        [title, *(metric(metrics, figure, name) for name in names)] for figure, title in ONE_VS_REST.items()
    ]
    page.table(["figure", *names], rows, f"Each class against the rest, {level}")


def add_folds(page: Page, content: Mapping[str, Any], run: RunFolder) -> None:
    """Add the folds' figures, what averaging gains and costs, and the curves of training."""
    histories = {str(fold.number): fold.history for fold in run.folds if fold.history}
    if content["folds"] or content["averaging"] or histories:
        page.section("Folds")
    titles = {"held_out": "each network on its own held-out fold", "test": "each network on the test list"}
    for name, each in content["folds"].items():
        _spread_tables(page, each["over_folds"], titles[name])
    if content["averaging"]:
        rows = [
            [row["answer"], with_interval(row["three_class_accuracy"]), with_interval(row["gain"])]
            for row in content["averaging"]
        ]
        page.table(
            ["answer", "three-class accuracy", "gain over the row above"], rows, "Averaging, test list"
        )
    if content["costs_in_seconds_a_scan"]:
        page.table(["cost", "seconds a scan"], content["costs_in_seconds_a_scan"].items())
    columns = {column for rows in histories.values() for row in rows for column in row}
    terms = [name for name in ("combined_loss", "detection_loss", "type_loss") if name in columns]
    losses: list[str] = list(terms) or sorted({"loss"} & columns)
    if losses:
        page.figure(loss_figure(histories, losses, "training loss"), "Training loss: a line a fold")
    if "validation_accuracy" in columns:
        figure = loss_figure(histories, ["validation_accuracy"], "accuracy")
        page.figure(figure, "Accuracy on the scans that select the checkpoint: a line a fold")


def _spread_tables(page: Page, folds: Mapping[str, Any], title: str) -> None:
    rows = [[name, spread(folds[key])] for key, name in THREE_CLASS.items()]
    page.table(
        ["figure", "mean ± standard deviation"], rows, f"Mean and standard deviation over folds: {title}"
    )
    classes = folds["one_vs_rest"]
    rows = [
        [name, *(spread(each[figure]) for each in classes.values())] for figure, name in ONE_VS_REST.items()
    ]
    page.table(["figure", *classes], rows, f"Each class against the rest: {title}")
