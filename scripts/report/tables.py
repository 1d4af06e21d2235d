"""The rows of the report's tables, from the numbers of report.json; report.html says where each stands."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.page import interval_text, link_to, spread_text
from scripts.statistics import ONE_VS_REST, OVERALL

__all__ = ["TABLES", "Table"]

Table = tuple[Sequence[str], list[list[Any]], str]  # header, rows, caption
Content = Mapping[str, Any]
SUMMARY = {
    "accuracy": "accuracy",
    "majority class of these scans": "majority_class_baseline",
    "macro F1": "macro_f1",
}
STAGES = {
    "before": "before",
    "after": "after temperature",
    "after_and_prior": "after temperature and prior",
}


def summary(content: Content) -> Table:
    """Return a row a set of scans."""
    header = ["scans of", "scans", "patients", "refused", *SUMMARY]
    rows = [
        [
            each["title"], each["metrics"]["scans"], each["metrics"]["patients"], each["refused_scans"],
            *(interval_text(each["metrics"][name]) for name in SUMMARY.values()),
        ]
        for each in content["sets"].values()
    ]  # fmt: skip
    return header, rows, "With 95 % intervals"


def data(content: Content) -> Table:
    """Return a row a list of the datalist."""
    names = content["class_names"]
    rows = [
        [
            row["list"], row["scans"], row["patients"], *(row["labels"][name] for name in names),
            _counts(row["sex"]), spread_text(row["age"], digits=0) or "", _counts(row["source"]),
        ]
        for row in content["data"]
    ]  # fmt: skip
    header = ["list", "scans", "patients", *names, "sex (patients)", "age", "source (patients)"]
    return header, rows, f"Datalist {content['datalist']}"


def metrics(found: Content, level: str) -> Iterator[Table]:
    """Yield the metrics of all classes, and those of each class against the rest."""
    size = f"{found['scans']} rows of {found['patients']} patients"
    rows = [[metric.title, interval_text(found[metric.name])] for metric in OVERALL]
    yield ["metric", "value (95 % interval)"], rows, f"All classes, {level}: {size}"
    classes = found["one_vs_rest"]
    rows = [
        [metric.title, *(interval_text(each[metric.name]) for each in classes.values())]
        for metric in ONE_VS_REST
    ]
    yield ["metric", *classes], rows, f"Each class against the rest, {level}"


def folds(found: Content, title: str) -> Iterator[Table]:
    """Yield the same, as mean and standard deviation over folds."""
    rows = [[metric.title, spread_text(found[metric.name])] for metric in OVERALL]
    caption = f"Mean and standard deviation over folds: {title}"
    yield ["metric", "mean ± standard deviation"], rows, caption
    classes = found["one_vs_rest"]
    rows = [
        [metric.title, *(spread_text(each[metric.name]) for each in classes.values())]
        for metric in ONE_VS_REST
    ]
    yield ["metric", *classes], rows, f"Each class against the rest: {title}"


def averaging(content: Content) -> Table:
    """Return what averaging over folds, and over flips, gains."""
    rows = [
        [row["what"], interval_text(row["accuracy"]), interval_text(row["gain"])]
        for row in content["averaging"]
    ]
    return ["probabilities of", "accuracy", "gain over the row above"], rows, "Averaging, test list"


def costs(content: Content) -> Table:
    """Return the seconds of a scan."""
    rows = [[name, seconds] for name, seconds in content["costs_in_seconds_a_scan"].items()]
    return ["cost", "seconds a scan"], rows, ""


def calibration(each: Content) -> Table:
    """Return the errors of a set's probabilities, before and after calibration."""
    rows = [
        [STAGES[stage], *(interval_text(errors[name]) for name in ("ece", "brier", "cross_entropy"))]
        for stage, errors in each["calibration"]["errors"].items()
    ]
    return ["probabilities", "ECE", "Brier score", "cross-entropy"], rows, "Smaller is better"


def operating_points(each: Content) -> Table:
    """Return what the thresholds that were fitted elsewhere do on a set."""
    rows = [
        [
            name, point["stated_sensitivity"],
            ", ".join(f"{found['value']:.3f}" for found in point["thresholds"]),
            *(interval_text(point[what]) for what in ("sensitivity", "specificity")),
            point["prevalence"], *(interval_text(point[what]) for what in ("ppv", "npv")),
        ]
        for name, point in each["operating_points"].items()
    ]  # fmt: skip
    header = ["class", "stated sensitivity", "threshold", "sensitivity", "specificity"]
    header += ["prevalence", "PPV", "NPV"]
    return header, rows, "Thresholds fitted on the scans that select; metrics of the reported scans"


def abstention(each: Content) -> Table:
    """Return the accuracy of what remains above each abstention threshold."""
    rows = [
        [row["threshold"], interval_text(row["predicted"]), interval_text(row["accuracy"])]
        for row in each["abstention"]
    ]
    return ["abstention threshold", "share predicted", "accuracy of these"], rows, "Abstention"


def baselines(each: Content) -> Table:
    """Return what a set's scores must beat."""
    header = ["predictor", "accuracy", "macro F1", "macro AUC", "scans", "accuracy, network minus it"]
    rows = [["this network", *_scores(each["metrics"]), each["metrics"]["scans"], None]]
    for found in each["baselines"].values():
        gain = interval_text(found["network_minus_baseline_accuracy"])
        rows.append([found["what"], *_scores(found["metrics"]), found["metrics"]["scans"], gain])
    return header, rows, f"{each['title']}: what the score must beat"


def subgroups(each: Content) -> Table:
    """Return a row a subgroup."""
    rows = [
        [
            row["by"], row["group"], row["scans"], row["patients"], " / ".join(map(str, row["labels"])),
            interval_text(row["accuracy"]) or row.get("reason"),
        ]
        for row in each["subgroups"]
    ]  # fmt: skip
    return ["by", "group", "scans", "patients", "scans a class", "accuracy"], rows, each["title"]


def errors(content: Content) -> Table:
    """Return the most confident errors."""
    rows = [
        [row["image"], row["label"], row["prediction"], row["probability"], row["probability_of_label"]]
        for row in content["most_confident_errors"]
    ]
    header = ["scan", "label", "prediction", "its probability", "probability of the label"]
    return header, rows, "The most confident errors"


def settings(content: Content) -> Table:
    """Return what the run recorded of itself."""
    rows = [[name, value] for name, value in content["run"].items()]
    return ["setting", "value"], rows, "As the run recorded them"


def environment(content: Content) -> Table:
    """Return the versions of the libraries that wrote the report."""
    rows = [[name, value or "absent"] for name, value in content["environment"].items()]
    return ["library", "version"], rows, "That wrote this report"


def claim(content: Content) -> Table:
    """Return the items of the checklist that the run can fill."""
    rows = [[row["item"], row["subject"], row["text"], link_to(row["section"])] for row in content["claim"]]
    return ["item", "subject", "this run", "section"], rows, ""


def _scores(found: Content) -> list[str | None]:
    return [interval_text(found[name]) for name in ("accuracy", "macro_f1", "macro_auc")]


def _counts(found: Mapping[str, int]) -> str:
    """Return how many there are of each, the first six."""
    shown = [f"{count} {name}" for name, count in list(found.items())[:6]]
    return ", ".join(shown) + (f" and {len(found) - 6} more" if len(found) > 6 else "")


TABLES = {
    table.__name__: table
    for table in (
        summary, data, metrics, folds, averaging, costs, calibration, operating_points, abstention,
        baselines, subgroups, errors, settings, environment, claim,
    )
}  # fmt: skip
