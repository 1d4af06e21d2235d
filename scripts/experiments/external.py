"""The networks of a cross-validation on a data set from elsewhere."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.datalists import external_items
from scripts.evaluation import read_predictions

from .cross_validation import finished_folds
from .fold import predict
from .run_record import recorded_experiment
from .tables import average, figures, write_table

__all__ = ["external_test"]


def external_test(
    output_dir: str | Path,
    dataset_dir: str | Path,
    name: str,
    label_mapping: Mapping[Any, int | None] | None = None,
    num_workers: int | None = None,
) -> None:
    """Test each fold's network, and their mean, on all scans of a second datalist.

    Args:
        output_dir: of the cross-validation; gains ``external_NAME.csv``, with a column ``source``, and
            ``external_NAME.json``, the figures of all scans, of each source, and of the internal test list.
        dataset_dir: holds the second ``datalist.json``.
        name: of the second data set, for the files' names.
        label_mapping: see :func:`external_items`.
        num_workers: processes that load scans; None: as train.yaml says.

    Raises:
        UserError: as :func:`recorded_experiment` and :func:`external_items`.
    """
    output = Path(output_dir)
    experiment = recorded_experiment(output, dataset_dir, num_workers)
    folds = finished_folds(output, experiment)
    items = external_items(experiment.datalist, label_mapping)["report"]
    mapping = {} if label_mapping is None else {"label_mapping": dict(label_mapping)}
    tables = [predict(experiment, fold.checkpoint, items, mapping, ["external.yaml"])[0] for fold in folds]
    sources = {item["name"]: item.get("source", "") for item in items}
    rows = [{**row, "source": sources[row["image"]]} for row in average(tables)]
    write_table(output / f"external_{name}.csv", rows)
    internal = output / "test.csv"
    content: dict[str, Any] = {
        "datalist": str(experiment.datalist),
        "label_mapping": mapping.get("label_mapping"),
        "networks": len(folds),
        "internal_test": figures(read_predictions(internal)) if internal.is_file() else None,
        "external": figures(rows),
        "external_by_source": {
            source: figures([row for row in rows if row["source"] == source])
            for source in sorted(set(sources.values()))
        },
    }
    path = output / f"external_{name}.json"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"{path}:")
    for label, found in [("internal test", content["internal_test"]), (name, content["external"])]:
        if found:
            accuracy, scans = found["three_class_accuracy"], found["scans"]
            print(f"  {label}: three-class accuracy {accuracy:.3f} of {scans} scans")
