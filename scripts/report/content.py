"""All numbers of the report, as report.json holds them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scripts.statistics import (
    BASELINES,
    PredictionTable,
    abstention,
    calibration_error,
    combined,
    compare,
    measure,
    operating_point,
    over_folds,
    patient_level,
    reliability,
    subgroup_metrics,
    table_metrics,
    with_prior,
)

from .run_folder import Reported, RunFolder

__all__ = ["averaging_gains", "data_summary", "fold_metrics", "set_content"]

Items = Sequence[Mapping[str, Any]]


def set_content(
    reported: Reported,
    prior: Sequence[float],
    lists: Mapping[str, Items],
) -> dict[str, Any]:
    """Compute all that the report says of one set of scans.

    Args:
        reported: the set.
        prior: shares of the classes where the network would be used.
        lists: of the datalist.
    """
    table = reported.table
    items = {item["name"]: item for part in lists.values() for item in part}
    content: dict[str, Any] = {
        "title": reported.title,
        "metrics": table_metrics(table),
        "refused_scans": len(table.refused),
        "patient_level": None,
    }
    merged, contradictory = patient_level(table)
    if len(merged) < len(table):
        content["patient_level"] = {
            "rule": "mean of the probabilities of a patient's scans",
            "left_out_for_different_labels": contradictory,
            "metrics": table_metrics(merged) if len(merged) else None,
        }
    sources = {str(items.get(image, {}).get("source") or "") for image in table.images}
    content |= {
        "sources": sorted(sources - {""}),
        "calibration": _calibration(reported, prior),
        "operating_points": _operating_points(reported, prior),
        "abstention": abstention(table),
        "baselines": {
            name: {"what": BASELINES[name].what, **compare(table, baseline)}
            for name, baseline in reported.baselines.items()
        },
        "subgroups": subgroup_metrics(table, items, reported.features),
    }
    return content


def fold_metrics(run: RunFolder) -> dict[str, Any]:
    """Return the metrics of the folds' networks, uncalibrated, on their folds and the test list."""
    result: dict[str, Any] = {}
    for name in ("held_out", "test"):
        tables = {fold.number: getattr(fold, name) for fold in run.folds}
        each = {
            number: table_metrics(table.uncalibrated())
            for number, table in tables.items()
            if table is not None
        }
        if each:
            result[name] = {
                "each": {str(number): metrics for number, metrics in each.items()},
                "over_folds": over_folds(list(each.values())),
            }
    return result


def averaging_gains(run: RunFolder) -> list[dict[str, Any]]:
    """Say what averaging over folds, and over flips, gains in accuracy (paired, test list)."""
    tables_of: dict[str, list[PredictionTable]] = {
        "one fold's network (mean of the folds)": [fold.test for fold in run.folds if fold.test is not None]
    }
    tables_of["ensemble of the folds"] = [run.test] if run.test is not None else []
    tables_of["ensemble, averaged over flips"] = [run.test_flipped] if run.test_flipped is not None else []
    tables_of = {name: tables for name, tables in tables_of.items() if tables}
    same = {tuple(table.images) for tables in tables_of.values() for table in tables}
    if len(tables_of) < 2 or len(same) != 1:
        return []
    rows: list[dict[str, Any]] = []
    before: list[tuple[Any, float]] = []  # accuracies, each with its factor
    for name, tables in tables_of.items():
        raw = [table.uncalibrated() for table in tables]
        found = [measure(each.probabilities, each.labels, each.patients) for each in raw]
        now = [(each, 1 / len(found)) for each in found]
        gain = _sum_of_accuracies([*now, *((each, -factor) for each, factor in before)]) if before else None
        rows.append({"what": name, "accuracy": _sum_of_accuracies(now), "gain": gain})
        before = now
    return rows


def _sum_of_accuracies(terms: Sequence[tuple[Any, float]]) -> dict[str, Any]:
    measured, factors = zip(*terms, strict=True)
    values = np.stack([each.values[0]["accuracy"] for each in measured])
    return combined([each.overall["accuracy"] for each in measured], factors, values)


def data_summary(lists: Mapping[str, Items], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Count scans, patients, classes, sources, sexes and ages of each list of the datalist."""
    rows = []
    for name, items in lists.items():
        labels = Counter(item["label"] for item in items)
        people = list({item["patient"]: item for item in items}.values())
        ages = [item["age"] for item in people if isinstance(item.get("age"), int | float)]
        row: dict[str, Any] = {"list": name, "scans": len(items), "patients": len(people)}
        row["labels"] = {title: labels[label] for label, title in enumerate(class_names)}
        for key in ("source", "sex"):
            row[key] = dict(sorted(Counter(str(item[key]) for item in people if item.get(key)).items()))
        row["age"] = {
            "mean": float(np.mean(ages)) if ages else None,
            "standard_deviation": float(np.std(ages, ddof=1)) if len(ages) > 1 else None,
        }
        rows.append(row)
    return rows


def _calibration(reported: Reported, prior: Sequence[float]) -> dict[str, Any]:
    """Report the errors before and after, and after the correction to the stated prior."""
    stages = {"before": reported.raw, "after": reported.calibrated}
    if reported.calibrated is not None and reported.calibrations:
        trained = reported.calibrations[0].training_prior
        corrected = with_prior(reported.calibrated.probabilities, trained, prior)
        stages["after_and_prior"] = reported.calibrated.with_probabilities(corrected)
    known = {name: table for name, table in stages.items() if table is not None}
    return {
        "temperatures": [each.temperature for each in reported.calibrations],
        "at_end_of_range": any(each.at_end_of_range for each in reported.calibrations),
        "fitted_on": [each.fitted_on for each in reported.calibrations],
        "prior": list(prior),
        "errors": {name: calibration_error(table) for name, table in known.items()},
        "reliability": {
            name: reliability(table.probabilities, table.labels) for name, table in known.items()
        },
    }


def _operating_points(reported: Reported, prior: Sequence[float]) -> dict[str, Any]:
    if reported.thresholds is None or reported.calibrated is None:
        return {}
    points: dict[str, Any] = {}
    for index, name in enumerate(reported.table.class_names):
        threshold = reported.thresholds[name]
        if not np.isnan(threshold).any():
            points[name] = {
                "stated_sensitivity": reported.calibrations[0].sensitivity,
                "thresholds": [each.thresholds[name] for each in reported.calibrations],
                **operating_point(reported.calibrated, index, threshold, float(prior[index])),
            }
    return points
