"""report.json, report.html and metrics.json of a run folder."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from monai.transforms import Compose

from scripts.datalists import read_datalist
from scripts.errors import UserError
from scripts.files import write_json
from scripts.page import write_page
from scripts.statistics import read_table, table_metrics
from scripts.transforms import LungRegion
from scripts.transforms import preprocessing as default_preprocessing

from .checklist import BY_THE_AUTHORS, claim_items, limits_of, notes_of
from .content import averaging_gains, data_summary, fold_metrics, set_content
from .figures import set_figures, training_figures
from .pictures import confident_errors, heat_map_pictures, thumbnails
from .run_folder import Reported, RunFolder, read_run_folder, reported_sets
from .tables import TABLES

__all__ = ["write_metrics", "write_report"]

LIBRARIES = ("monai", "torch", "pytorch-ignite", "numpy", "scipy", "scikit-learn", "nibabel")
GRID = (96, 96, 96)
FOLD_TITLES = {
    "held_out": "each network on its own held-out fold",
    "test": "each network on the test list",
}


def write_report(
    output_dir: str | Path,
    datalist: str | Path,
    class_names: Mapping[str, str] | Sequence[str],
    preprocessing: Compose | None = None,
    cache_dir: str | Path | None = None,
    prior: Sequence[float] | None = None,
    label_mapping: Mapping[Any, int | str | None] | None = None,
) -> Path:
    """Write ``report.json`` and ``report.html`` of a cross-validation or an evaluation.

    It reads what the run recorded and fits nothing. What the folder does not hold is left out.

    Args:
        output_dir: the run's folder.
        datalist: the ``datalist.json`` that the run read.
        class_names: the classes, by index, as ``{"0": name, ...}`` or a sequence.
        preprocessing: of the run; None takes the default, for thumbnails.
        cache_dir: of the run: scans that it holds are not read again.
        prior: shares of the classes where the network would be used, for predictive values and the
            correction of the prior; None takes what the run recorded, or else the training list's.
        label_mapping: from the datalist's labels to the classes, where the run had one.

    Returns:
        The path of report.html, or of report.json where matplotlib is not installed.

    Raises:
        UserError: there is nothing to report, or a table or the datalist is not as it should be.
    """
    names = list(class_names.values() if isinstance(class_names, Mapping) else class_names)
    lists = read_datalist(datalist, label_mapping=label_mapping, classes=names)
    run = read_run_folder(output_dir, names)
    sets = reported_sets(run)
    if not sets:
        raise UserError(f"{output_dir}: neither predictions.csv nor held_out.csv is there; nothing to report")
    preprocessing = preprocessing or default_preprocessing(LungRegion(), GRID)
    stated = prior or run.stored[1]
    heat_maps = heat_map_pictures(run.path, sets[0].table)
    content = _content(run, sets, lists, list(stated or _shares(lists, len(names))))
    content |= {"datalist": str(datalist), "training_prior": run.training_prior}
    content["stated_prior"] = list(stated) if stated else None
    content["heat_maps"] = [caption for _, caption in heat_maps]
    content["claim"] = claim_items(content)
    content |= {"limits": limits_of(content), "notes": notes_of(content)}
    write_json(run.path / "report.json", content, indent=1, allow_nan=False)
    if find_spec("matplotlib") is None:
        print("report.json is written; report.html needs matplotlib: pip install matplotlib")
        return run.path / "report.json"
    items = {item["name"]: item for part in lists.values() for item in part}
    pictures = thumbnails(content["most_confident_errors"], items, preprocessing, cache_dir)
    path = run.path / "report.html"
    write_page(
        path,
        Path(__file__).with_name("report.html"),
        "Evaluation report",
        f"Chest CT: {', '.join(names)}. Research use only.",
        content=content,
        tables=TABLES,
        figures={each.name: set_figures(content["sets"][each.name], each.table) for each in sets},
        training_figures=training_figures({str(fold.number): fold.history for fold in run.folds}),
        fold_titles=FOLD_TITLES,
        pictures=pictures,
        heat_maps=heat_maps,
        by_the_authors=BY_THE_AUTHORS,
    )
    print(f"report: {path}")
    return path


def write_metrics(output_dir: str | Path, class_names: Mapping[str, str] | Sequence[str]) -> None:
    """Compute the metrics of ``predictions.csv``, write them to ``metrics.json`` and print the chief one.

    Args:
        output_dir: holds ``predictions.csv``; gains ``metrics.json``.
        class_names: ``{"0": name, ...}``.

    Raises:
        UserError: every scan was refused, or the table is not as :func:`read_table` expects.
    """
    folder = Path(output_dir)
    names = list(class_names.values() if isinstance(class_names, Mapping) else class_names)
    table = read_table(folder / "predictions.csv", names)
    metrics = table_metrics(table)
    write_json(folder / "metrics.json", metrics)
    accuracy, baseline = metrics["accuracy"], metrics["majority_class_baseline"]["value"]
    interval = accuracy["interval_95_percent"]
    covers = f" (95 % interval {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    print(
        f"accuracy {accuracy['value']:.3f}{covers}, majority-class baseline {baseline:.3f}; "
        f"{metrics['scans']} scans of {metrics['patients']} patients, {metrics['refused_scans']} refused: "
        f"{folder / 'metrics.json'}"
    )


def _content(
    run: RunFolder,
    sets: Sequence[Reported],
    lists: Mapping[str, Sequence[Mapping[str, Any]]],
    prior: list[float],
) -> dict[str, Any]:
    names = sets[0].table.class_names
    return {
        "intended_use": "research use only; not a medical device",
        "class_names": list(names),
        "data": data_summary(lists, names),
        "sets": {each.name: set_content(each, prior, lists) for each in sets},
        "folds": fold_metrics(run),
        "averaging": averaging_gains(run),
        "costs_in_seconds_a_scan": run.costs,
        "most_confident_errors": confident_errors(sets[0].table),
        "run": {name: value for name, value in run.settings.items() if name != "packages"},
        "environment": {name: _version(name) for name in LIBRARIES},
    }


def _shares(lists: Mapping[str, Sequence[Mapping[str, Any]]], classes: int) -> list[float]:
    """Return the share of each class in the training list, one scan at least: no share is zero."""
    items = lists["training"] or [item for part in lists.values() for item in part]
    labels = [item["label"] for item in items]
    counts = [max(labels.count(label), 1) for label in range(classes)]
    return [count / sum(counts) for count in counts]


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
