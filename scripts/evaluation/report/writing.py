"""report.json and report.html of a run folder."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from monai.transforms import Compose

from scripts.datalists import CLASSES, read_datalist
from scripts.errors import UserError
from scripts.transforms import LungRegion
from scripts.transforms import preprocessing as default_preprocessing

from ..scan_features import ScanFeatures, measure_scans
from .claim import claim_items
from .content import averaging_gains, data_summary, fold_figures, set_content
from .limits import limits_of
from .page import draw_page
from .pictures import heat_map_pictures, mistakes, thumbnails
from .reported import Reported, calibrate_run, reported_sets
from .run_folder import RunFolder, read_run_folder

__all__ = ["write_report"]

LIBRARIES = ("monai", "torch", "pytorch-ignite", "numpy", "scipy", "scikit-learn", "nibabel")
GRID = (96, 96, 96)


def write_report(
    output_dir: str | Path,
    datalist: str | Path,
    preprocessing: Compose | None = None,
    cache_dir: str | Path | None = None,
    prior: Sequence[float] | None = None,
) -> Path:
    """Write ``report.json`` and ``report.html`` of a cross-validation or an evaluation.

    A cross-validation also gains ``calibration.json``, of the ensemble, and one beside each fold's
    checkpoint, fitted on the scans that select. What the folder does not hold is left out of the report.

    Args:
        output_dir: the run's folder.
        datalist: the ``datalist.json`` that the run read.
        preprocessing: of the run; None takes the default, for thumbnails and for the baselines.
        cache_dir: of the run: scans that it holds are not read again.
        prior: shares of the classes where the network would be used, for predictive values and the
            correction of the prior; None takes those of the training list.

    Returns:
        The path of report.html, or of report.json where matplotlib is not installed.

    Raises:
        UserError: there is nothing to report, or a table or the datalist is not as it should be.
    """
    lists = read_datalist(datalist)
    run = read_run_folder(output_dir, CLASSES)
    shares = _shares(lists)
    recorded = run.training_prior or (run.stored[0].training_prior if run.stored else None)
    sets = reported_sets(run, calibrate_run(run, CLASSES, recorded or shares))
    if not sets:
        raise UserError(f"{output_dir}: neither predictions.csv nor held_out.csv is there; nothing to report")
    preprocessing = preprocessing or default_preprocessing(LungRegion(), GRID)
    features = measure_scans(_needed(sets, lists), preprocessing, cache_dir)
    heat_maps = heat_map_pictures(run.path, sets[0].shown, CLASSES)
    content = _content(run, sets, lists, features, list(prior or shares))
    content |= {"datalist": str(datalist), "training_prior": recorded}
    content["heat_maps"] = [caption for _, caption in heat_maps]
    content["claim"] = claim_items(content)
    content["limits"] = limits_of(content)
    (run.path / "report.json").write_text(
        json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    if find_spec("matplotlib") is None:
        print("report.json is written; report.html needs matplotlib: pip install matplotlib")
        return run.path / "report.json"
    items = {item["name"]: item for part in lists.values() for item in part}
    pictures = thumbnails(content["mistakes"], items, preprocessing, cache_dir)
    path = run.path / "report.html"
    draw_page(content, run, sets, pictures, heat_maps).write(path)
    print(f"report: {path}")
    return path


def _content(
    run: RunFolder,
    sets: Sequence[Reported],
    lists: Mapping[str, Sequence[Mapping[str, Any]]],
    features: Mapping[str, ScanFeatures],
    prior: list[float],
) -> dict[str, Any]:
    return {
        "intended_use": "research use only; not a medical device",
        "class_names": list(CLASSES),
        "stated_prior": prior,
        "data": data_summary(lists, CLASSES),
        "sets": {each.name: set_content(each, CLASSES, prior, lists, features) for each in sets},
        "folds": fold_figures(run, CLASSES),
        "averaging": averaging_gains(run),
        "costs_in_seconds_a_scan": run.costs,
        "mistakes": mistakes(sets[0].shown, CLASSES),
        "run": {name: value for name, value in run.settings.items() if name != "packages"},
        "environment": {name: _version(name) for name in LIBRARIES},
    }


def _needed(
    sets: Sequence[Reported], lists: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[Mapping[str, Any]]:
    """Return the items that the baselines learn from and those that they answer for."""
    reported = {image for each in sets for image in each.raw.images}
    others = [item for name, items in lists.items() if name != "training" for item in items]
    return [*lists["training"], *(item for item in others if item["name"] in reported)]


def _shares(lists: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[float]:
    """Return the share of each class in the training list, one scan at least: no share is zero."""
    items = lists["training"] or [item for part in lists.values() for item in part]
    labels = [item["label"] for item in items]
    counts = [max(labels.count(label), 1) for label in range(len(CLASSES))]
    return [count / sum(counts) for count in counts]


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
