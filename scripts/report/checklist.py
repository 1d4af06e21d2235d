"""What a run can say of itself: items of the CLAIM checklist, and the limits of its metrics.

CLAIM: Mongan et al., Radiology: AI 2(2), 2020.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.statistics import ONE_VS_REST

__all__ = ["BY_THE_AUTHORS", "claim_items", "limits_of", "notes_of"]

FEW = 30  # scans of a class: below, its metrics are called uncertain
BY_THE_AUTHORS = (1, 2, 3, 4, 5, 6, 8, 12, 14, 15, 16, 17, 18, 19, 33, 39, 40, 41, 42)


def claim_items(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return item numbers of CLAIM with what this run says of them.

    Args:
        content: of the report; an item is left out where the run does not hold it.

    Returns:
        Rows of ``item``, ``subject``, ``text``, and ``section``, the title of the section of the page with
        it. :data:`BY_THE_AUTHORS` are those that no run can fill.
    """
    run, sets, environment = content["run"], content["sets"], content["environment"]
    first = next(iter(sets.values()))["title"]
    external = [each["title"] for name, each in sets.items() if name.startswith("external_")]
    settings, results = "Settings and environment", f"Results: {first}"
    rows = [
        (7, "data sources", _sources(content["data"]), "Data"),
        (9, "preprocessing", _preprocessing(run), settings),
        (10, "selection of subsets", _counts(content["data"]), "Data"),
        (11, "classes", ", ".join(content["class_names"]), "Data"),
        (13, "missing data", _refused(sets), "Summary"),
        (
            20,
            "partitions",
            f"the lists and folds of {content['datalist']}, made once and frozen in the file",
            "Data",
        ),
        (
            21,
            "level of the partitions",
            "patient; the datalist and the predictions were checked for it",
            "Data",
        ),
        (22, "model", _model(run), settings),
        (23, "software", environment and ", ".join(f"{k} {v}" for k, v in environment.items()), settings),
        (24, "initialisation", run.get("seed") is not None and f"seed {run['seed']}", settings),
        (25, "training", run.get("command") or run.get("recipe") or run.get("recipes"), settings),
        (
            26,
            "final model",
            "the checkpoint that is best on the list `validation`, which is not reported",
            settings,
        ),
        (27, "ensemble", content["averaging"] and "mean probability of the folds' networks", "Folds"),
        (28, "metrics", "; ".join(f"{each.title}: {each.formula}" for each in ONE_VS_REST), results),
        (
            29,
            "uncertainty",
            "95 % intervals, in which the scans of one patient do not count as independent",
            results,
        ),
        (
            30,
            "robustness",
            any(each["subgroups"] for each in sets.values()) and "accuracy of subgroups",
            "Subgroups",
        ),
        (31, "explanation", content["heat_maps"] and "heat maps", "Single scans"),
        (32, "external data", ", ".join(external), f"Results: {external[0]}" if external else ""),
        (34, "demographics", _ages(content["data"]), "Data"),
        (35, "performance", "metrics of each set of scans", results),
        (36, "precision of estimates", "intervals stand beside each metric", results),
        (37, "failures", "the most confident errors", "Single scans"),
        (38, "limitations", "those that hold for this run", "Summary"),
    ]
    return [
        {"item": item, "subject": what, "text": str(text), "section": section}
        for item, what, text, section in rows
        if text
    ]


def _sources(data: list[dict[str, Any]]) -> str:
    return ", ".join(sorted({name for row in data for name in row["source"]}))


def _counts(data: list[dict[str, Any]]) -> str:
    return "; ".join(f"{row['list']}: {row['scans']} scans of {row['patients']} patients" for row in data)


def _refused(sets: Mapping[str, Any]) -> str:
    return "; ".join(f"{each['title']}: {each['refused_scans']} scans refused" for each in sets.values())


def _model(run: Mapping[str, Any]) -> str:
    hashes = run.get("checkpoint_sha256") or []
    parameters = [f"{run['parameters']} parameters"] if run.get("parameters") else []
    checkpoints = [hashes] if isinstance(hashes, str) else hashes
    return ", ".join([*parameters, *(f"checkpoint {sha256[:12]}" for sha256 in checkpoints)])


def _preprocessing(run: Mapping[str, Any]) -> str:
    """Say window, region and grid of the network, or of the first of an ensemble."""
    settings = run.get("settings") or {}
    for member in (settings.get("model") or {}).get("members", [])[:1]:
        level, width = member["window"]
        shape = " x ".join(str(size) for size in member["spatial_shape"])
        region = str(member["region"]["target"]).rpartition(".")[2]
        return f"{region}, resampled to {shape} voxels; window of level {level:g}, width {width:g} HU"
    return ""


def _ages(data: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"{row['list']}: age {row['age']['mean']:.0f} +- {row['age']['standard_deviation'] or 0:.0f}, "
        + ", ".join(f"{count} {sex}" for sex, count in row["sex"].items())
        for row in data
        if row["age"]["mean"] is not None
    )


def limits_of(content: Mapping[str, Any]) -> list[str]:
    """Return the warnings that hold for this run.

    Args:
        content: of the report.
    """
    sets, names = content["sets"], content["class_names"]
    first = next(iter(sets.values()))
    limits = []
    if "phantom" in first["sources"]:
        limits.append("These scans are computed phantoms: no number here has any clinical meaning.")
    counts = [sum(row) for row in first["metrics"]["confusion_matrix"]["counts"]]
    few = [f"{count} {name}" for name, count in zip(names, counts, strict=True) if count < FEW]
    if few:
        limits.append(f"Few scans ({', '.join(few)}): see how wide the intervals are.")
    if not any(name.startswith("external_") for name in sets):
        limits.append(
            "No external set: shortcuts of the source (scanner, spacing) cannot be told from disease."
        )
    return limits


def notes_of(content: Mapping[str, Any]) -> list[str]:
    """Return what holds for every run.

    Args:
        content: of the report.
    """
    return [
        _prior(content["training_prior"], content["class_names"]),
        "The intervals cover the choice of patients, not that of seeds or hyperparameters.",
    ]


def _prior(shares: Sequence[float] | None, names: Sequence[str]) -> str:
    if shares is None:
        return "The run does not record the class shares of its training batches: the list's are assumed."
    batches = ", ".join(f"{share:.0%} {name}" for share, name in zip(shares, names, strict=True))
    return (
        f"The network was trained on batches of {batches}; its probabilities assume these shares until they "
        f"are corrected to a stated prior."
    )
