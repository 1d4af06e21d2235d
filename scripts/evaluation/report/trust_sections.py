"""Sections of the report: calibration, baselines, subgroups."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.page import Page

from .cells import metric, with_interval
from .figures import reliability_figure

__all__ = ["add_baselines", "add_calibration", "add_subgroups"]

STAGES = {
    "before": "before",
    "after": "after temperature",
    "after_and_prior": "after temperature and prior",
}


def add_calibration(page: Page, each: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """Add how far the probabilities of a set can be trusted, before and after calibration."""
    page.section(f"Calibration: {each['title']}")
    found = each["calibration"]
    if found["temperatures"]:
        values = ", ".join(f"{value:.3f}" for value in found["temperatures"])
        page.text(
            f"Temperature {values}, fitted on scans that select the checkpoint and are not reported here."
        )
    else:
        page.notice("warning", "no temperature: the run holds no answers for scans that could fit one")
    if found["at_end_of_range"]:
        page.notice("warning", "a temperature stopped at the end of its range, so its value means little")
    prior = ", ".join(
        f"{name} {share:.1%}" for name, share in zip(content["class_names"], found["prior"], strict=True)
    )
    page.text(f"Stated prior: {prior}.")
    rows = [
        [STAGES[stage], *(with_interval(errors[name]) for name in ("ece", "brier", "cross_entropy"))]
        for stage, errors in found["errors"].items()
    ]
    page.table(["probabilities", "ECE", "Brier score", "cross-entropy"], rows, "Smaller is better")
    stages = {STAGES[stage]: bins for stage, bins in found["reliability"].items()}
    page.figure(
        reliability_figure(stages),
        f"Reliability, {each['title']}: accuracy over confidence; discs grow with the scans",
    )
    _operating_points(page, each["operating_points"])
    rows = [
        [row["below"], with_interval(row["answered"]), with_interval(row["three_class_accuracy"])]
        for row in each["abstention"]
    ]
    header = ["withheld below", "share answered", "three-class accuracy of these"]
    page.table(header, rows, "Withholding unsure answers")


def _operating_points(page: Page, points: Mapping[str, Any]) -> None:
    rows = [
        [
            name,
            point["stated_sensitivity"],
            "; ".join(with_interval(threshold) or "" for threshold in point["thresholds"]),
            *(with_interval(point[figure]) for figure in ("sensitivity", "specificity")),
            point["prevalence"],
            *(with_interval(point[figure]) for figure in ("ppv", "npv")),
        ]
        for name, point in points.items()
    ]
    if rows:
        header = ["class", "stated sensitivity", "threshold", "sensitivity", "specificity"]
        header += ["prevalence", "PPV", "NPV"]
        page.table(header, rows, "Thresholds fitted on the scans that select; figures of the reported scans")


def add_baselines(page: Page, content: Mapping[str, Any]) -> None:
    """Add what the scores must beat."""
    page.section("Baselines")
    for each in content["sets"].values():
        network = each["metrics"]
        rows = [["this network", *_scores(network, content["class_names"]), network["scans"], None]]
        for found in each["baselines"].values():
            gain = with_interval(found["network_minus_baseline_three_class_accuracy"])
            scores = _scores(found["metrics"], content["class_names"])
            rows.append([found["what"], *scores, found["metrics"]["scans"], gain])
        header = [
            "predictor",
            "three-class accuracy",
            "macro F1",
            "COVID-19 AUC",
            "scans",
            "network minus it",
        ]
        page.table(header, rows, f"{each['title']}: what the score must beat")


def _scores(metrics: Mapping[str, Any], names: Sequence[str]) -> list[str | None]:
    three_class = [metric(metrics, name) for name in ("three_class_accuracy", "macro_f1")]
    return [*three_class, metric(metrics, "auc", names[-1])]


def add_subgroups(page: Page, content: Mapping[str, Any]) -> None:
    """Add the figures of subgroups, where the data tell any apart."""
    groups = {each["title"]: each["subgroups"] for each in content["sets"].values() if each["subgroups"]}
    if groups:
        page.section("Subgroups")
    for title, found in groups.items():
        rows = [
            [
                row["by"], row["group"], row["scans"], row["patients"], " / ".join(map(str, row["labels"])),
                with_interval(row["three_class_accuracy"]) or row.get("reason"),
            ]
            for row in found
        ]  # fmt: skip
        header = ["by", "group", "scans", "patients", "scans a class", "three-class accuracy"]
        page.table(header, rows, title)
