"""report.html: the numbers of report.json as tables and figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.page import Page

from .claim import BY_THE_AUTHORS
from .figures import confusion_figure, curve_figure, loss_figure, reliability_figure
from .reported import Reported
from .run_folder import RunFolder

__all__ = ["draw_page"]

Pictures = Sequence[tuple[bytes, str]]
THREE_CLASS = {
    "three_class_accuracy": "three-class accuracy",
    "balanced_accuracy": "balanced accuracy (mean recall)",
    "macro_f1": "macro F1",
}
ONE_VS_REST = ("accuracy", "recall", "specificity", "precision", "f1", "auc", "average_precision")
STAGES = {
    "before": "before",
    "after": "after temperature",
    "after_and_prior": "after temperature and prior",
}


def draw_page(
    content: Mapping[str, Any],
    run: RunFolder,
    sets: Sequence[Reported],
    pictures: Pictures,
    heat_maps: Pictures,
) -> Page:
    """Lay the report out.

    Args:
        content: of report.json.
        run: for the histories.
        sets: for the curves.
        pictures: of the surest mistakes.
        heat_maps: of single scans.
    """
    page = Page("Evaluation report", "Chest CT: non-pneumonia, other pneumonia, COVID-19. Research use only.")
    _summary(page, content)
    _data(page, content)
    for reported in sets:
        _results(page, content["sets"][reported.name], reported, content["class_names"])
    _folds(page, content, run)
    for reported in sets:
        _calibration(page, content["sets"][reported.name], content)
    _baselines(page, content)
    _subgroups(page, content)
    _single_scans(page, content, pictures, heat_maps)
    _settings(page, content)
    return page


def with_interval(found: Mapping[str, Any] | None) -> str | None:
    """Return a figure and its interval as text.

    Example:
        >>> with_interval({"value": 0.5, "interval_95_percent": [0.41, 0.6]})
        '0.500 (0.410 to 0.600)'
    """
    if found is None or found["value"] is None:
        return None
    interval = found["interval_95_percent"]
    value = f"{found['value']:.3f}"
    return value if interval is None else f"{value} ({interval[0]:.3f} to {interval[1]:.3f})"


def _summary(page: Page, content: Mapping[str, Any]) -> None:
    page.section("Summary")
    rows = [
        [
            each["title"],
            each["metrics"]["scans"],
            each["metrics"]["patients"],
            each["refused_scans"],
            _metric(each["metrics"], "three_class_accuracy"),
            each["metrics"]["majority_class_accuracy"],
            _metric(each["metrics"], "macro_f1"),
        ]
        for each in content["sets"].values()
    ]
    header = [
        "scans of",
        "scans",
        "patients",
        "refused",
        "three-class accuracy",
        "commonest class",
        "macro F1",
    ]
    page.table(header, rows, "With 95 % intervals (bootstrap over patients)")
    for limit in content["limits"]:
        page.notice("warning", limit)


def _data(page: Page, content: Mapping[str, Any]) -> None:
    page.section("Data")
    names = content["class_names"]
    rows = []
    for row in content["data"]:
        age = "" if row["age_mean"] is None else f"{row['age_mean']:.0f}"
        age += f" +- {row['age_standard_deviation']:.0f}" if row["age_standard_deviation"] is not None else ""
        counts = [row["labels"][name] for name in names]
        rows.append(
            [
                row["list"],
                row["scans"],
                row["patients"],
                *counts,
                _counts(row["sex"]),
                age,
                _counts(row["source"]),
            ]
        )
    header = ["list", "scans", "patients", *names, "sex (patients)", "age", "source (patients)"]
    page.table(header, rows, f"Datalist {content['datalist']}")


def _results(page: Page, each: Mapping[str, Any], reported: Reported, names: Sequence[str]) -> None:
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
    rows = [[title, _metric(metrics, key)] for key, title in THREE_CLASS.items()]
    size = f"{metrics['scans']} rows of {metrics['patients']} patients"
    page.table(["figure", "value (95 % interval)"], rows, f"Three classes, {level}: {size}")
    rows = [[name, *(_metric(metrics, figure, name) for figure in ONE_VS_REST)] for name in names]
    header = ["class against the rest", *(figure.replace("_", " ") for figure in ONE_VS_REST)]
    page.table(header, rows, f"One class against the rest, {level}")


def _folds(page: Page, content: Mapping[str, Any], run: RunFolder) -> None:
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
    losses = [name for name in ("combined_loss", "detection_loss", "type_loss") if name in columns]
    losses = losses or [name for name in ("loss",) if name in columns]
    if losses:
        page.figure(loss_figure(histories, losses, "training loss"), "Training loss: a line a fold")
    if "validation_accuracy" in columns:
        figure = loss_figure(histories, ["validation_accuracy"], "accuracy")
        page.figure(figure, "Accuracy on the scans that select the checkpoint: a line a fold")


def _spread_tables(page: Page, spread: Mapping[str, Any], title: str) -> None:
    rows = [[name, _spread(spread[key])] for key, name in THREE_CLASS.items()]
    page.table(["figure", "mean +- sd"], rows, f"Mean and standard deviation over folds: {title}")
    rows = [
        [label, *(_spread(figures[name]) for name in ONE_VS_REST)]
        for label, figures in spread["one_vs_rest"].items()
    ]
    page.table(["class against the rest", *(name.replace("_", " ") for name in ONE_VS_REST)], rows)


def _calibration(page: Page, each: Mapping[str, Any], content: Mapping[str, Any]) -> None:
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
    page.figure(reliability_figure(stages), f"Reliability, {each['title']}: accuracy over confidence")
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


def _baselines(page: Page, content: Mapping[str, Any]) -> None:
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
    three_class = [_metric(metrics, name) for name in ("three_class_accuracy", "macro_f1")]
    return [*three_class, _metric(metrics, "auc", names[-1])]


def _subgroups(page: Page, content: Mapping[str, Any]) -> None:
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


def _single_scans(page: Page, content: Mapping[str, Any], pictures: Pictures, heat_maps: Pictures) -> None:
    page.section("Single scans")
    rows = [
        [row["image"], row["label"], row["prediction"], row["probability"], row["probability_of_label"]]
        for row in content["mistakes"]
    ]
    if rows:
        header = ["scan", "label", "prediction", "its probability", "probability of the label"]
        page.table(header, rows, "The surest mistakes")
    else:
        page.text("No reported scan was answered wrongly.")
    if pictures:
        page.gallery(pictures)
    if heat_maps:
        page.text("Heat maps show what moved the answer, not that the reason is right.")
        page.gallery(heat_maps)


def _settings(page: Page, content: Mapping[str, Any]) -> None:
    page.section("Settings and environment")
    rows = [[name, str(value)] for name, value in content["run"].items()]
    page.table(["setting", "value"], rows, "As the run recorded them")
    rows = [[name, value or "absent"] for name, value in content["environment"].items()]
    page.table(["library", "version"], rows, "That wrote this report")
    page.section("CLAIM checklist")
    page.text(
        "Items of the Checklist for Artificial Intelligence in Medical Imaging (2020) that the run can fill. "
        f"Left to the authors: {', '.join(map(str, BY_THE_AUTHORS))}."
    )
    rows = [[row["item"], row["subject"], row["answer"]] for row in content["claim"]]
    page.table(["item", "subject", "this run"], rows)


def _metric(metrics: Mapping[str, Any], name: str, label: str | None = None) -> str | None:
    parts = (metrics, metrics["intervals_95_percent"])
    value, interval = (part[name] if label is None else part["one_vs_rest"][label][name] for part in parts)
    return with_interval({"value": value, "interval_95_percent": interval})


def _spread(found: Mapping[str, Any]) -> str | None:
    if found["mean"] is None:
        return None
    deviation = found["standard_deviation"]
    return f"{found['mean']:.3f}" + ("" if deviation is None else f" +- {deviation:.3f}")


def _counts(found: Mapping[str, int]) -> str:
    shown = [f"{count} {name}" for name, count in list(found.items())[:6]]
    return ", ".join(shown) + (f" and {len(found) - 6} more" if len(found) > 6 else "")
