"""The networks of a cross-validation on a data set from elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.utils import ensure_tuple

from scripts.checkpoints import ModelFile
from scripts.datalists import external_items
from scripts.files import write_json
from scripts.statistics import PredictionTable, average, read_table, table_metrics

from .baseline_predictions import predict_external_baselines
from .cross_validation import apply_calibration, finished_folds
from .fold import predict
from .run_record import recorded_experiment

__all__ = ["external_test"]


def external_test(
    output_dir: str | Path,
    dataset_dir: str | Path,
    name: str,
    label_mapping: Mapping[Any, int | None] | None = None,
    num_workers: int | None = None,
    audit_override: str | Sequence[str] = (),
) -> None:
    """Test each fold's network, and their mean, on all scans of a second datalist.

    Args:
        output_dir: of the cross-validation; gains ``external_NAME.csv``, with a column ``source``, and
            ``external_NAME.json``, the metrics of all scans, of each source, and of the internal test list.
        dataset_dir: holds the second ``datalist.json``.
        name: of the second data set, for the files' names.
        label_mapping: see :func:`external_items`.
        num_workers: processes that load scans; None: as train.yaml says.
        audit_override: errors that the user answers for, ``trained_on`` among them.

    Raises:
        UserError: a scan trained or selected one of the networks; or as :func:`recorded_experiment` and
            :func:`external_items`.
    """
    output = Path(output_dir)
    experiment = recorded_experiment(output, dataset_dir, num_workers)
    folds = finished_folds(output, experiment)
    names = ModelFile.of(folds[0].checkpoint).classes
    items = external_items(experiment.datalist, label_mapping, names)["report"]
    mapping = {} if label_mapping is None else {"label_mapping": dict(label_mapping)}
    source = {**mapping, "audit_override": list(ensure_tuple(audit_override))}
    tables, seen = [], []
    for fold in folds:
        table, _, said = predict(
            experiment, fold.checkpoint, items, source, ["external.yaml"], class_names=names, unseen=True
        )
        tables.append(table)
        seen.append(said)
    sources = {item["name"]: str(item.get("source") or "") for item in items}
    table = apply_calibration(average(tables), output)
    table = table.with_column("source", [sources[image] for image in table.frame["image"]])
    table.write(output / f"external_{name}.csv")
    preprocessing = experiment.preprocessing(folds[0].checkpoint)
    predict_external_baselines(output, f"external_{name}", table, items, preprocessing, experiment.cache_dir)
    internal = output / "test.csv"
    content: dict[str, Any] = {
        "datalist": str(experiment.datalist),
        "label_mapping": mapping.get("label_mapping"),
        "networks": len(folds),
        "scans_seen_in_training": sorted(set(seen)),
        "internal_test": _metrics(read_table(internal, names)) if internal.is_file() else None,
        "external": _metrics(table),
        "external_by_source": {
            source: _metrics(table.select([image for image in sources if sources[image] == source]))
            for source in sorted(set(sources.values()))
        },
    }
    path = output / f"external_{name}.json"
    write_json(path, content)
    print(f"{path}:")
    rows = {"internal test": content["internal_test"], name: content["external"]}
    if len(content["external_by_source"]) > 1:
        rows |= {f"{name}, {source}": own for source, own in content["external_by_source"].items()}
    for label, found in rows.items():
        if found:
            print(f"  {label}: {_line(found)}")


def _line(found: Mapping[str, Any]) -> str:
    """Return accuracy and balanced accuracy with their intervals, and of how many scans they are."""
    shown = []
    for metric in ("accuracy", "balanced_accuracy"):
        value, interval = found[metric]["value"], found[metric]["interval_95_percent"]
        if value is not None:
            covers = f" (95 % interval {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
            shown.append(f"{metric.replace('_', ' ')} {value:.3f}{covers}")
    counts = f"{found['scans']} scans of {found['patients']} patients, {found['refused_scans']} refused"
    return f"{', '.join(shown)}; {counts}"


def _metrics(table: PredictionTable) -> dict[str, Any] | None:
    return table_metrics(table) if len(table) else None
