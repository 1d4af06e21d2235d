"""The papers' tables for a user's networks, beside what the papers printed."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.datalists import CLASSES
from scripts.evaluation import over_folds, published_figures, read_predictions

from .comparison import paired_differences
from .cross_validation import finished_folds
from .experiment import Experiment
from .tables import Row, figures, write_table

__all__ = ["write_ablation_tables"]

DEFINITIONS = {
    "over_folds": "each fold's network on its fold: mean and standard deviation (Wang et al., Table II)",
    "over_folds_on_test": "each fold's network on the test list: the same (Shi et al., Tables 2 and 3)",
    "pooled": "all held-out predictions in one table, intervals by patient",
    "ensemble_on_test": "mean of the folds' networks; Wang et al., Fig. 6, trained on all folds instead",
    "differences": "network minus reference on the pooled scans, paired bootstrap by patient, 95 %",
    "published": "as printed: Wang et al. in %, Shi et al. as fractions",
}
ONE_VS_REST = ("accuracy", "recall", "specificity", "precision", "f1", "auc")
SHI = ("auc", "recall", "specificity", "f1")  # of COVID-19 against the rest
THREE_CLASS = ("three_class_accuracy", "balanced_accuracy", "macro_f1")
COVID_19 = CLASSES[2]
LATER_COLUMNS = ("standard_deviation", "low", "high", "published", "published_deviation")


def write_ablation_tables(output: Path, experiments: Mapping[str, Experiment], reference: str) -> None:
    """Write ``ablation.json``, ``ablation.csv`` and ``type_loss.csv``, and print the chief comparison.

    Args:
        output: holds a finished cross-validation for each network.
        experiments: by the name of the network, which is that of its folder.
        reference: the network that the others are compared with.
    """
    networks = {name: _summary(output / name, experiment) for name, experiment in experiments.items()}
    pooled = {name: read_predictions(output / name / "held_out.csv") for name in experiments}
    differences = {
        name: paired_differences(rows, pooled[reference])
        for name, rows in pooled.items()
        if name != reference
    }
    content = {
        "reference": reference,
        "definitions": DEFINITIONS,
        "networks": networks,
        "differences": differences,
        "published": published_figures(),
    }
    (output / "ablation.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    write_table(output / "ablation.csv", list(_rows(networks, differences)))
    curves = [
        row for name, experiment in experiments.items() for row in _type_losses(output, name, experiment)
    ]
    if curves:
        write_table(output / "type_loss.csv", curves)
    _show(networks, differences, reference)


def _summary(folder: Path, experiment: Experiment) -> dict[str, Any]:
    folds = finished_folds(folder, experiment)
    summary: dict[str, Any] = {"parameters": folds[0].record()["parameters"]}
    for part, name in (("over_folds", "held_out.csv"), ("over_folds_on_test", "test.csv")):
        paths = [fold.folder / name for fold in folds]
        if all(path.is_file() for path in paths):
            summary[part] = over_folds([figures(read_predictions(path)) for path in paths])
    for part, name in (("pooled", "held_out.csv"), ("ensemble_on_test", "test.csv")):
        if (folder / name).is_file():
            summary[part] = figures(read_predictions(folder / name))
    return summary


def _type_losses(output: Path, name: str, experiment: Experiment) -> Iterator[Row]:
    """Yield each fold's curve of the pneumonia-type loss, Fig. 5, which single-task networks do not have."""
    for fold in finished_folds(output / name, experiment):
        with (fold.folder / "history.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["type_loss"]:
                    yield {"network": name, "fold": fold.index} | {
                        key: row[key] for key in ("epoch", "type_loss")
                    }


def _rows(networks: Mapping[str, Any], differences: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a row a figure, with the published one where there is one."""
    for name, summary in networks.items():
        yield from _parameters(name, summary["parameters"])
        yield from _over_folds(name, summary["over_folds"])
        if "over_folds_on_test" in summary:
            yield from _on_test(name, summary["over_folds_on_test"])
        for measure, found in differences.get(name, {}).items():
            low, high = found["interval"] or ("", "")
            yield _row(name, "differences", "", measure, found["difference"]) | {"low": low, "high": high}


def _parameters(name: str, counts: Mapping[str, int]) -> Iterator[Row]:
    """Yield Table I of Wang et al., and the column of Shi et al., in millions, beside the trainable ones."""
    wang, shi = published_figures()["parl"], published_figures()["dual_attention"]
    printed = {
        "trainable": shi["trainable_parameters_in_millions"].get(name, ""),
        "with_running_statistics": wang["parameters"].get(name, ""),
    }
    for kind, count in counts.items():
        yield _row(name, "parameters", "", kind, count) | {"published": printed[kind]}


def _over_folds(name: str, summary: Mapping[str, Any]) -> Iterator[Row]:
    """Yield Table II of Wang et al., and the three-class figures."""
    printed = published_figures()["parl"]["five_folds_one_vs_rest_percent"].get(name, {})
    for label in CLASSES:
        for measure in ONE_VS_REST:
            found = summary["one_vs_rest"][label][measure]
            yield _spread(name, "over_folds", label, measure, found, printed.get(label, {}).get(measure))
    for measure in THREE_CLASS:
        yield _spread(name, "over_folds", "", measure, summary[measure])


def _on_test(name: str, summary: Mapping[str, Any]) -> Iterator[Row]:
    """Yield Tables 2 and 3 of Shi et al."""
    printed = published_figures()["dual_attention"]["five_models_on_one_test_set"].get(name, {})
    for measure in SHI:
        found = summary["one_vs_rest"][COVID_19][measure]
        yield _spread(name, "over_folds_on_test", COVID_19, measure, found, printed.get(measure))
    accuracy = "three_class_accuracy"
    yield _spread(name, "over_folds_on_test", "", accuracy, summary[accuracy], printed.get(accuracy))


def _row(network: str, table: str, label: str, measure: str, value: Any) -> Row:
    row = {"network": network, "table": table, "class": label, "measure": measure, "value": value}
    return {**row, **dict.fromkeys(LATER_COLUMNS, "")}


def _spread(
    network: str,
    table: str,
    label: str,
    measure: str,
    found: Mapping[str, Any],
    printed: Sequence[float] | None = None,
) -> Row:
    mean, deviation = printed or ("", "")
    return _row(network, table, label, measure, found["mean"]) | {
        "standard_deviation": found["standard_deviation"],
        "published": mean,
        "published_deviation": deviation,
    }


def _show(networks: Mapping[str, Any], differences: Mapping[str, Any], reference: str) -> None:
    print(f"three-class accuracy over folds; difference to {reference}, pooled, with its 95 % interval:")
    for name, summary in networks.items():
        accuracy = summary["over_folds"]["three_class_accuracy"]
        line = f"  {name:16} {accuracy['mean']:.3f} +- {accuracy['standard_deviation']:.3f}"
        if name in differences:
            found = differences[name]["three_class_accuracy"]
            low, high = found["interval"] or (float("nan"), float("nan"))
            line += f"   {found['difference']:+.3f} ({low:+.3f} to {high:+.3f})"
        print(line)
