"""report.html: the numbers of report.json as tables and figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.page import Page

from .cells import JOIN, counts_of, metric
from .claim import BY_THE_AUTHORS
from .reported import Reported
from .result_sections import add_folds, add_results
from .run_folder import RunFolder
from .trust_sections import add_baselines, add_calibration, add_subgroups

__all__ = ["draw_page"]

Pictures = Sequence[tuple[bytes, str]]


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
        add_results(page, content["sets"][reported.name], reported, content["class_names"])
    add_folds(page, content, run)
    for reported in sets:
        add_calibration(page, content["sets"][reported.name], content)
    add_baselines(page, content)
    add_subgroups(page, content)
    _single_scans(page, content, pictures, heat_maps)
    _settings(page, content)
    return page


def _summary(page: Page, content: Mapping[str, Any]) -> None:
    page.section("Summary")
    rows = [
        [
            each["title"],
            each["metrics"]["scans"],
            each["metrics"]["patients"],
            each["refused_scans"],
            metric(each["metrics"], "three_class_accuracy"),
            each["metrics"]["majority_class_accuracy"],
            metric(each["metrics"], "macro_f1"),
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
        age += (
            f"{JOIN}±{JOIN}{row['age_standard_deviation']:.0f}"
            if row["age_standard_deviation"] is not None
            else ""
        )
        counts = [row["labels"][name] for name in names]
        rows.append(
            [
                row["list"],
                row["scans"],
                row["patients"],
                *counts,
                counts_of(row["sex"]),
                age,
                counts_of(row["source"]),
            ]
        )
    header = ["list", "scans", "patients", *names, "sex (patients)", "age", "source (patients)"]
    page.table(header, rows, f"Datalist {content['datalist']}")


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
