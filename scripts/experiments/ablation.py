"""Several networks, cross-validated on the same folds and compared scan by scan."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.datalists import CLASSES
from scripts.errors import UserError
from scripts.evaluation import over_folds, published_figures, read_predictions

from .comparison import paired_differences
from .cross_validation import cross_validate, finished_folds, process_rank
from .experiment import Experiment, find_recipes
from .tables import Row, figures, write_table

__all__ = ["ablate", "named_experiments"]

ONE_VS_REST = ("accuracy", "recall", "specificity", "precision", "f1", "auc")
THREE_CLASS = ("three_class_accuracy", "balanced_accuracy", "macro_f1")


def named_experiments(
    recipes: Mapping[str, Sequence[str]],
    also: str | Sequence[str] | None = None,
    **shared: Any,
) -> dict[str, Experiment]:
    """Return an experiment for each network of an ablation.

    Args:
        recipes: name and overlays of each.
        also: overlays that come after them.
        shared: the other arguments of :class:`Experiment`.
    """
    last = find_recipes(also)
    return {
        name: Experiment(recipe=[*find_recipes(files), *last], **shared) for name, files in recipes.items()
    }


def ablate(
    experiments: Mapping[str, Experiment],
    output_dir: str | Path,
    reference: str,
    flips: bool = False,
    report: bool = False,
) -> None:
    """Cross-validate each network, then write the tables that compare them.

    Args:
        experiments: by the name of the network, as the published tables have it.
        output_dir: gains a cross-validation in ``NETWORK/`` each, ``ablation.json``, ``ablation.csv`` with a
            row a figure, and ``type_loss.csv``.
        reference: name of the network that the others are compared with.
        flips: as in :func:`cross_validate`.
        report: as in :func:`cross_validate`.

    Raises:
        UserError: the reference is not among the networks; or as :func:`cross_validate`.
    """
    if reference not in experiments:
        raise UserError(f"--reference {reference}: not among the networks {', '.join(experiments)}")
    output = Path(output_dir)
    for name, experiment in experiments.items():
        print(f"network {name}")
        cross_validate(experiment, output / name, flips, report)
    if process_rank() == 0:
        write_comparison(output, experiments, reference)


def write_comparison(output: Path, experiments: Mapping[str, Experiment], reference: str) -> None:
    """Write the tables of finished cross-validations.

    Args:
        output: of the ablation.
        experiments: by the name of their folder.
        reference: what the others are compared with.
    """
    networks = {name: _summary(output / name, experiment) for name, experiment in experiments.items()}
    tables = {name: read_predictions(output / name / "held_out.csv") for name in experiments}
    differences = {
        name: paired_differences(table, tables[reference])
        for name, table in tables.items()
        if name != reference
    }
    curves = [
        row for name, experiment in experiments.items() for row in _type_losses(output, name, experiment)
    ]
    content = {
        "reference": reference,
        "definitions": {
            "folds": "each fold's network on its held-out fold: mean and standard deviation over folds "
            "(Wang et al., Table II)",
            "fold_networks_on_test": "the same on the test list (Shi et al., Tables 2 and 3)",
            "pooled": "all held-out predictions in one table, intervals by patient",
            "ensemble_on_test": "mean of the fold networks on the test list; Wang et al., Fig. 6, "
            "shows networks that were trained on all folds instead",
            "differences": "network minus reference on the pooled scans, paired bootstrap by patient",
        },
        "networks": networks,
        "differences": differences,
        "published": published_figures(),
    }
    (output / "ablation.json").write_text(json.dumps(content, indent=2) + "\n")
    write_table(output / "ablation.csv", list(_flat(networks, differences)))
    if curves:
        write_table(output / "type_loss.csv", curves)
    _show(networks, differences, reference)


def _summary(folder: Path, experiment: Experiment) -> dict[str, Any]:
    folds = finished_folds(folder, experiment)
    parts = {"folds": "held_out.csv", "fold_networks_on_test": "test.csv"}
    summary: dict[str, Any] = {"parameters": folds[0].record()["parameters"]}
    for part, name in parts.items():
        paths = [fold.folder / name for fold in folds]
        if all(path.is_file() for path in paths):
            summary[part] = over_folds([figures(read_predictions(path)) for path in paths])
    summary["pooled"] = figures(read_predictions(folder / "held_out.csv"))
    if (folder / "test.csv").is_file():
        summary["ensemble_on_test"] = figures(read_predictions(folder / "test.csv"))
    return summary


def _type_losses(output: Path, name: str, experiment: Experiment) -> list[Row]:
    """Return the curve of each fold's pneumonia-type loss, which single-task networks do not have."""
    rows = []
    for fold in finished_folds(output / name, experiment):
        with (fold.folder / "history.csv").open(newline="") as file:
            rows += [
                {"network": name, "fold": fold.index, "epoch": row["epoch"], "type_loss": row["type_loss"]}
                for row in csv.DictReader(file)
                if row["type_loss"]
            ]
    return rows


def _flat(networks: Mapping[str, Any], differences: Mapping[str, Any]) -> Any:
    """Yield a row a figure, with the published one where there is one."""
    published = published_figures()["parl"]["five_folds_one_vs_rest_percent"]
    for name, summary in networks.items():
        for key, value in summary["parameters"].items():
            yield _row(name, "parameters", "", key, value)
        for label in CLASSES:
            for measure in ONE_VS_REST:
                found = summary["folds"]["one_vs_rest"][label][measure]
                paper = published.get(name, {}).get(label, {}).get(measure, ["", ""])
                yield _row(name, "one_vs_rest_over_folds", label, measure, **found) | {
                    "published_percent": paper[0],
                    "published_percent_deviation": paper[1],
                }
        for measure in THREE_CLASS:
            yield _row(name, "three_class_over_folds", "", measure, **summary["folds"][measure])
        for measure, found in differences.get(name, {}).items():
            yield _row(name, "difference_to_reference", "", measure, found["difference"]) | {
                "low": found["interval"][0] if found["interval"] else "",
                "high": found["interval"][1] if found["interval"] else "",
            }


def _row(
    network: str,
    table: str,
    label: str,
    measure: str,
    mean: Any,
    standard_deviation: Any = "",
    folds: Any = "",
) -> Row:
    row = {"network": network, "table": table, "class": label, "measure": measure, "value": mean}
    empty = dict.fromkeys(("low", "high", "published_percent", "published_percent_deviation"), "")
    return {**row, "standard_deviation": standard_deviation, "folds": folds, **empty}


def _show(networks: Mapping[str, Any], differences: Mapping[str, Any], reference: str) -> None:
    print(f"three-class accuracy of the held-out folds; difference to {reference} with its 95 % interval:")
    for name, summary in networks.items():
        accuracy = summary["folds"]["three_class_accuracy"]
        line = f"  {name:16} {accuracy['mean']:.3f} +- {accuracy['standard_deviation']:.3f}"
        if name in differences:
            found = differences[name]["three_class_accuracy"]
            low, high = found["interval"]
            line += f"   {found['difference']:+.3f} ({low:+.3f} to {high:+.3f})"
        print(line)
