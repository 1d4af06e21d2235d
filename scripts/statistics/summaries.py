"""The metrics of a table, of folds, and of two networks on the same scans, ready for JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scripts.errors import UserError

from .intervals import Estimate, combined, share_estimate
from .metrics import ONE_VS_REST, OVERALL, Measured, measure

if TYPE_CHECKING:
    from .table import PredictionTable

__all__ = ["classification_metrics", "over_folds", "paired_differences", "table_metrics"]


def table_metrics(table: "PredictionTable") -> dict[str, Any]:
    """Return :func:`classification_metrics` of a table, and how many of its scans were refused."""
    metrics = classification_metrics(table.probabilities, table.labels, table.patients, table.class_names)
    return metrics | {"refused_scans": len(table.refused)}


def classification_metrics(
    probabilities: np.ndarray,
    labels: np.ndarray,
    patients: Sequence[str],
    class_names: Sequence[str],
) -> dict[str, Any]:
    """Compute every metric of :data:`METRICS` with its interval.

    The predicted class is the one with the highest probability. A metric that the scans do not define is
    ``None``, and ``undefined`` says why.

    Args:
        probabilities: ``(N, C)``, rows summing to one.
        labels: ``(N,)`` integers below C.
        patients: whose scan each row is; the scans of one are not taken for independent.
        class_names: C names.

    Returns:
        A dictionary ready for JSON: the metrics of all classes by name, those of each class against the rest
        under ``one_vs_rest``, each with ``value`` and ``interval_95_percent``; and
        ``majority_class_baseline``, the accuracy of predicting these scans' largest class for all of them.

    Raises:
        ValueError: shapes disagree, labels are not class indices, or rows do not sum to one.
    """
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    _check(probabilities, labels, patients, class_names)
    count = len(class_names)
    matrix = np.zeros((count, count), dtype=int)
    np.add.at(matrix, (labels, probabilities.argmax(axis=1)), 1)
    majority = labels == np.bincount(labels).argmax()
    return {
        "scans": len(labels),
        "patients": len(set(patients)),
        "majority_class_baseline": share_estimate(majority, np.ones_like(majority), patients),
        **_by_name(measure(probabilities, labels, patients), class_names),
        "confusion_matrix": {"rows": "label", "columns": "prediction", "counts": matrix.tolist()},
        "undefined": _reasons(labels, probabilities.argmax(axis=1), class_names),
    }


def over_folds(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return mean and standard deviation (of a sample: divided by n - 1) of each metric over the folds.

    Args:
        metrics: of :func:`classification_metrics`, one a fold.

    Returns:
        The metrics by name, each with ``mean``, ``standard_deviation`` and ``folds`` (how many define it; the
        standard deviation of fewer than two is None).
    """
    return {
        **{metric.name: _spread([each[metric.name] for each in metrics]) for metric in OVERALL},
        "one_vs_rest": {
            label: {
                metric.name: _spread([each["one_vs_rest"][label][metric.name] for each in metrics])
                for metric in ONE_VS_REST
            }
            for label in metrics[0]["one_vs_rest"]
        },
    }


def paired_differences(table: "PredictionTable", reference: "PredictionTable") -> dict[str, Any]:
    """Return by how much one network's metrics exceed another's on the same scans.

    The intervals join those of both networks with their correlation, so that what makes a scan easy for both
    cancels. Where every probability is the same, the network is the same, and differs by nothing.

    Args:
        table: predictions of the network.
        reference: predictions of the other for the same scans, in any order.

    Returns:
        The metrics as :func:`classification_metrics` has them, each with ``value`` and
        ``interval_95_percent``, of the difference.

    Raises:
        UserError: the two tables are not of the same scans.
    """
    missing = sorted(set(table.images) ^ set(reference.images))
    if missing:
        raise UserError(f"the networks did not predict the same scans: {missing[0]} is missing from one")
    place = {image: row for row, image in enumerate(reference.images)}
    order = np.argsort(table.images, kind="stable")
    ours = table.rows(order)
    other = reference.rows(np.array([place[image] for image in ours.images]))
    first, second = (measure(each.probabilities, each.labels, each.patients) for each in (ours, other))
    same = np.array_equal(ours.probabilities, other.probabilities)

    def minus(mine: Estimate, theirs: Estimate, *values: np.ndarray) -> Estimate:
        if same and mine["value"] is not None:
            return {"value": 0.0, "interval_95_percent": [0.0, 0.0]}
        return combined([mine, theirs], [1, -1], np.stack(values))

    overall = {
        name: minus(first.overall[name], second.overall[name], first.values[0][name], second.values[0][name])
        for name in first.overall
    }
    one_vs_rest = {
        name: [
            minus(*pair, first.values[1][name][:, index], second.values[1][name][:, index])
            for index, pair in enumerate(zip(estimates, second.one_vs_rest[name], strict=True))
        ]
        for name, estimates in first.one_vs_rest.items()
    }
    return _by_name(Measured(overall, one_vs_rest, first.values), table.class_names)


def _by_name(measured: Measured, class_names: Sequence[str]) -> dict[str, Any]:
    per_class = {
        label: {name: estimates[index] for name, estimates in measured.one_vs_rest.items()}
        for index, label in enumerate(class_names)
    }
    return {**measured.overall, "one_vs_rest": per_class}


def _spread(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    known = [each["value"] for each in found if each["value"] is not None]
    return {
        "mean": float(np.mean(known)) if known else None,
        "standard_deviation": float(np.std(known, ddof=1)) if len(known) > 1 else None,
        "folds": len(known),
    }


def _reasons(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]) -> dict[str, str]:
    """Say of each metric that is None why it is."""
    reasons: dict[str, str] = {}
    for metric in ONE_VS_REST:
        for index, label in enumerate(class_names):
            masks = labels == index, predicted == index
            lacking = [group.lacking for group in metric.needs if not group.mask(*masks).any()]
            if lacking:
                reasons[f"{label}: {metric.name}"] = " and ".join(lacking)
    for metric in OVERALL:
        if any(key.endswith(f": {metric.mean_of}") for key in reasons):
            reasons[metric.name] = f"a class has no {metric.mean_of}"
    return reasons


def _check(
    probabilities: np.ndarray, labels: np.ndarray, patients: Sequence[str], class_names: Sequence[str]
) -> None:
    shape = (len(labels), len(class_names))
    if probabilities.shape != shape or len(patients) != len(labels) or not len(labels):
        raise ValueError(
            f"probabilities {probabilities.shape} do not match {len(labels)} labels, "
            f"{len(patients)} patients and {len(class_names)} classes"
        )
    if not np.isin(labels, range(len(class_names))).all():
        raise ValueError(f"labels {sorted(set(labels.tolist()))} are not all below {len(class_names)}")
    worst = np.abs(probabilities.sum(axis=1) - 1).max()
    if not worst < 1e-3:
        raise ValueError(f"probabilities of a scan sum to 1 +- {worst:.3g}")
