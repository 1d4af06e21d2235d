"""Items of the CLAIM checklist (Mongan et al., Radiology: AI 2(2), 2020) that a run can fill by itself."""

from collections.abc import Mapping
from typing import Any

__all__ = ["BY_THE_AUTHORS", "claim_items"]

BY_THE_AUTHORS = (1, 2, 3, 4, 5, 6, 8, 12, 14, 15, 16, 17, 18, 19, 33, 39, 40, 41, 42)


def claim_items(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return item numbers of CLAIM with what this run says of them.

    Args:
        content: of the report; an item is left out where the run does not hold it.

    Returns:
        Rows of ``item``, ``subject`` and ``answer``; :data:`BY_THE_AUTHORS` are those that no run can fill.
    """
    run, sets, environment = content["run"], content["sets"], content["environment"]
    rows = [
        (7, "data sources", _sources(content["data"])),
        (9, "preprocessing", run.get("settings") and f"settings: {run['settings']}"),
        (10, "selection of subsets", _counts(content["data"])),
        (11, "classes", ", ".join(content["class_names"])),
        (13, "missing data", _refused(sets)),
        (20, "partitions", f"the lists and folds of {content['datalist']}, made once and frozen in the file"),
        (21, "level of the partitions", "patient; the datalist and the predictions were checked for it"),
        (22, "model", _model(run)),
        (23, "software", environment and ", ".join(f"{k} {v}" for k, v in environment.items())),
        (24, "initialisation", run.get("seed") is not None and f"seed {run['seed']}"),
        (25, "training", run.get("command") or run.get("recipe") or run.get("recipes")),
        (26, "final model", "the checkpoint that is best on the list `validation`, which is not reported"),
        (27, "ensemble", content["averaging"] and "mean probability of the folds' networks"),
        (28, "metrics", "defined in docs/metrics.md"),
        (29, "uncertainty", "95 % percentile intervals, 2000 bootstrap samples of patients"),
        (30, "robustness", any(each["subgroups"] for each in sets.values()) and "see Subgroups"),
        (31, "explanation", content["heat_maps"] and "heat maps, see Single scans"),
        (32, "external data", [n for n in sets if n.startswith("external_")] and "see the external sets"),
        (34, "demographics", _ages(content["data"])),
        (35, "performance", "see Results"),
        (36, "precision of estimates", "intervals stand beside each figure"),
        (37, "failures", "see Single scans: the surest mistakes"),
        (38, "limitations", "see Limits"),
    ]
    return [{"item": item, "subject": what, "answer": str(answer)} for item, what, answer in rows if answer]


def _sources(data: list[dict[str, Any]]) -> str:
    return ", ".join(sorted({name for row in data for name in row["source"]}))


def _counts(data: list[dict[str, Any]]) -> str:
    return "; ".join(f"{row['list']}: {row['scans']} scans of {row['patients']} patients" for row in data)


def _refused(sets: Mapping[str, Any]) -> str:
    return "; ".join(f"{each['title']}: {each['refused_scans']} scans refused" for each in sets.values())


def _model(run: Mapping[str, Any]) -> str:
    parts = [f"{run[key]} {what}" for key, what in (("parameters", "parameters"),) if run.get(key)]
    parts += [f"checkpoint {run['checkpoint_sha256'][:12]}" for _ in range(1) if run.get("checkpoint_sha256")]
    return ", ".join(parts)


def _ages(data: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"{row['list']}: age {row['age_mean']:.0f} +- {row['age_standard_deviation'] or 0:.0f}, "
        + ", ".join(f"{count} {sex}" for sex, count in row["sex"].items())
        for row in data
        if row["age_mean"] is not None
    )
