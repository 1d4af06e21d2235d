"""metrics.json, from the predictions of a labelled set."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.files import write_json
from scripts.statistics import read_table, table_metrics

__all__ = ["write_metrics"]


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
