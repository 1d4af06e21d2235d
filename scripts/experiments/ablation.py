"""Several networks, cross-validated on the same folds, compared scan by scan and with published ones."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd

from scripts.errors import UserError
from scripts.files import write_json
from scripts.locks import holding
from scripts.statistics import (
    ONE_VS_REST,
    OVERALL,
    PredictionTable,
    over_folds,
    paired_differences,
    read_table,
    table_metrics,
    write_frame,
)
from scripts.text_files import read_rows

from .ablation_page import write_ablation_page
from .cross_validation import ALL_FOLDS, cross_validate, finished_folds, process_rank
from .experiment import Experiment, find_recipes
from .published import published_accuracy, published_confusion_metrics, published_results

__all__ = ["ablate", "named_experiments", "write_ablation_tables"]

Row = dict[str, Any]
DEFINITIONS = {
    "over_folds": "each fold's network on its fold: mean and standard deviation (Wang et al., Table II)",
    "over_folds_on_test": "each fold's network on the test list: the same (Shi et al., Tables 2 and 3)",
    "pooled": "all held-out predictions in one table, intervals by patient",
    "ensemble_on_test": "mean of the folds' networks",
    "all_folds_on_test": "one network that is trained on all folds (Wang et al., Fig. 6), with --all_folds",
    "differences": "network minus reference on the pooled scans, paired, 95 %",
    "published": "as printed: Wang et al. in %, Shi et al. as fractions",
    "probabilities": "as the networks said them, without calibration",
}
COLUMNS = ("network", "table", "class", "measure", "value", "standard_deviation", "low", "high")
PUBLISHED = ("published", "published_deviation")


def named_experiments(
    recipes: Mapping[str, Sequence[str]],
    also: str | Sequence[str] | None = None,
    tracking: Mapping[str, str] | None = None,
    **shared: Any,
) -> dict[str, Experiment]:
    """Return an experiment for each network of an ablation.

    Args:
        recipes: name and overlays of each.
        also: overlays that come after them.
        tracking: ``tracking_uri`` and ``experiment_name`` of MLflow; each network is an experiment of that
            name and its own. None keeps to TensorBoard.
        shared: the other arguments of :class:`Experiment`.
    """
    last = find_recipes(also)
    experiments = {}
    for name, files in recipes.items():
        own = tracking and {**tracking, "experiment_name": f"{tracking['experiment_name']} {name}"}
        experiments[name] = Experiment(recipe=[*find_recipes(files), *last], tracking=own, **shared)
    return experiments


def ablate(
    experiments: Mapping[str, Experiment],
    output_dir: str | Path,
    reference: str,
    flips: bool = False,
    report: bool = False,
    all_folds: bool = False,
) -> None:
    """Cross-validate each network, then write the tables that compare them.

    Args:
        experiments: by the name of the network, as the published tables have it.
        output_dir: gains a cross-validation in ``NETWORK/`` each, ``ablation.html``, ``ablation.json``,
            ``ablation.csv`` with a row a metric, and ``type_loss.csv``.
        reference: name of the network that the others are compared with.
        flips: as in :func:`cross_validate`.
        report: as in :func:`cross_validate`.
        all_folds: as in :func:`cross_validate`; Figs. 5 and 6 of Wang et al. are of such networks.

    Raises:
        UserError: the reference is not among the networks; or as :func:`cross_validate`.
    """
    if reference not in experiments:
        raise UserError(f"--reference {reference}: not among the networks {', '.join(experiments)}")
    output, first = Path(output_dir), process_rank() == 0
    with holding(output) if first else nullcontext():
        for name, experiment in experiments.items():
            print(f"network {name}")
            cross_validate(experiment, output / name, flips, report, all_folds)
        if first:
            write_ablation_tables(output, experiments, reference)


def write_ablation_tables(output: Path, experiments: Mapping[str, Experiment], reference: str) -> None:
    """Write ``ablation.json``, ``.csv`` and ``.html`` and ``type_loss.csv``, and print the chief comparison.

    Args:
        output: holds a finished cross-validation for each network.
        experiments: by the name of the network, which is that of its folder.
        reference: the network that the others are compared with.
    """
    networks = {name: _summary(output / name, experiment) for name, experiment in experiments.items()}
    pooled = {name: _raw(output / name / "held_out.csv", each) for name, each in experiments.items()}
    differences = {
        name: paired_differences(table, pooled[reference])
        for name, table in pooled.items()
        if name != reference
    }
    content = {
        "reference": reference,
        "definitions": DEFINITIONS,
        "networks": networks,
        "differences": differences,
        "published": published_results(),
    }
    write_json(output / "ablation.json", content)
    rows = pd.DataFrame(_rows(networks, differences), columns=[*COLUMNS, *PUBLISHED])
    write_frame(rows.astype({"value": object}), output / "ablation.csv")
    curves = [
        row for name, experiment in experiments.items() for row in _type_losses(output, name, experiment)
    ]
    if curves:
        write_frame(pd.DataFrame(curves), output / "type_loss.csv")
    write_ablation_page(output / "ablation.html", content, curves)
    _show(networks, differences, reference)


def _raw(path: Path, experiment: Experiment) -> PredictionTable:
    return read_table(path, experiment.class_names).uncalibrated()


def _summary(folder: Path, experiment: Experiment) -> dict[str, Any]:
    folds = finished_folds(folder, experiment)
    summary: dict[str, Any] = {"parameters": folds[0].record()["parameters"]}
    for part, name in (("over_folds", "held_out.csv"), ("over_folds_on_test", "test.csv")):
        paths = [fold.folder / name for fold in folds]
        if all(path.is_file() for path in paths):
            summary[part] = over_folds([table_metrics(_raw(path, experiment)) for path in paths])
    for part, name in (
        ("pooled", "held_out.csv"),
        ("ensemble_on_test", "test.csv"),
        ("all_folds_on_test", f"{ALL_FOLDS}/test.csv"),
    ):
        if (folder / name).is_file():
            summary[part] = table_metrics(_raw(folder / name, experiment))
    return summary


def _type_losses(output: Path, name: str, experiment: Experiment) -> Iterator[Row]:
    """Yield each curve of the pneumonia-type loss, Fig. 5, which single-task networks do not have."""
    folders = {str(fold.index): fold.folder for fold in finished_folds(output / name, experiment)}
    for fold, folder in {**folders, "all": output / name / ALL_FOLDS}.items():
        if not (folder / "history.csv").is_file():
            continue
        for row in read_rows(folder / "history.csv"):
            if row["type_loss"]:
                yield {"network": name, "fold": fold} | {key: row[key] for key in ("epoch", "type_loss")}


def _rows(networks: Mapping[str, Any], differences: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a row a metric, with the published one where there is one."""
    parl, dual = published_results()["parl"], published_results()["dual_attention"]
    for name, summary in networks.items():
        yield from _parameters(name, summary["parameters"])
        wang = parl["five_folds_one_vs_rest_percent"].get(name, {})
        if wang:  # Table II prints no accuracy of all classes, but those from which it follows
            wang = {**wang, "": {"accuracy": (round(published_accuracy(name), 1), None)}}
        shi = dual["five_models_on_one_test_set"].get(name, {})
        one_class = {measure: values for measure, values in shi.items() if measure != "accuracy"}
        printed = {"over_folds": wang, "over_folds_on_test": {"COVID-19": one_class, "": shi}}
        for table, published in printed.items():
            for label, measure, found in _metrics(summary.get(table)):
                row = {"value": found["mean"], "standard_deviation": found["standard_deviation"]}
                there = published.get(label, {}).get(measure) or (None, None)
                yield _row(name, table, label, measure) | row | dict(zip(PUBLISHED, there, strict=True))
        figure_6 = published_confusion_metrics(name)
        for label, measure, found in _metrics(summary.get("all_folds_on_test")):
            low, high = found["interval_95_percent"] or (None, None)
            row = {"value": found["value"], "low": low, "high": high}
            row["published"] = figure_6.get(label, {}).get(measure)
            yield _row(name, "all_folds_on_test", label, measure) | row
        for label, measure, found in _metrics(differences.get(name)):
            low, high = found["interval_95_percent"] or (None, None)
            row = {"value": found["value"], "low": low, "high": high}
            yield _row(name, "differences", label, measure) | row


def _metrics(found: Mapping[str, Any] | None) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield class (empty for all of them), name and value of every metric."""
    if found is None:
        return
    for label, metrics in found["one_vs_rest"].items():
        for metric in ONE_VS_REST:
            yield label, metric.name, metrics[metric.name]
    for metric in OVERALL:
        yield "", metric.name, found[metric.name]


def _parameters(name: str, counts: Mapping[str, int]) -> Iterator[Row]:
    """Yield Table I of Wang et al., and the column of Shi et al., in millions, beside the trainable ones."""
    wang, shi = published_results()["parl"], published_results()["dual_attention"]
    printed = {
        "trainable": shi["trainable_parameters_in_millions"].get(name),
        "with_running_statistics": wang["parameters"].get(name),
    }
    for kind, count in counts.items():
        yield _row(name, "parameters", "", kind) | {"value": count, "published": printed[kind]}


def _row(network: str, table: str, label: str, measure: str) -> Row:
    return {"network": network, "table": table, "class": label, "measure": measure}


def _show(networks: Mapping[str, Any], differences: Mapping[str, Any], reference: str) -> None:
    print(f"accuracy over folds; difference to {reference}, pooled, with its 95 % interval:")
    for name, summary in networks.items():
        accuracy = summary["over_folds"]["accuracy"]
        line = f"  {name:16} {accuracy['mean']:.3f} +- {accuracy['standard_deviation']:.3f}"
        if name in differences:
            found = differences[name]["accuracy"]
            low, high = found["interval_95_percent"] or (float("nan"), float("nan"))
            line += f"   {found['value']:+.3f} ({low:+.3f} to {high:+.3f})"
        print(line)
