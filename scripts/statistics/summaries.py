"""The metrics of a table, of folds, and of two networks on the same scans, ready for JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scripts.errors import UserError

from .intervals import estimate, patient_weights
from .metrics import ONE_VS_REST, OVERALL, weighted_metrics

if TYPE_CHECKING:
    from .table import PredictionTable

__all__ = ["classification_metrics", "over_folds", "paired_differences", "table_metrics"]

Values = Mapping[str, np.ndarray]


def table_metrics(table: "PredictionTable", seed: int = 0) -> dict[str, Any]:
    """Return :func:`classification_metrics` of a table, and how many of its scans were refused."""
    metrics = classification_metrics(
        table.probabilities, table.labels, table.patients, table.class_names, seed
    )
    return metrics | {"refused_scans": len(table.refused)}


def classification_metrics(
    probabilities: np.ndarray,
    labels: np.ndarray,
    patients: Sequence[str],
    class_names: Sequence[str],
    seed: int = 0,
) -> dict[str, Any]:
    """Compute every metric of :data:`METRICS` with its interval.

    The predicted class is the one with the highest probability. A metric that the scans do not define is
    ``None``, and ``undefined`` says why.

    Args:
        probabilities: ``(N, C)``, rows summing to one.
        labels: ``(N,)`` integers below C.
        patients: whose scan each row is; the intervals resample patients.
        class_names: C names.
        seed: of the bootstrap.

    Returns:
        A dictionary ready for JSON: the metrics of all classes by name, those of each class against the rest
        under ``one_vs_rest``, each with ``value`` and ``interval_95_percent``; and
        ``majority_class_baseline``, the accuracy of predicting these scans' largest class for all of them.

    Raises:
        ValueError: shapes disagree, labels are not class indices, or rows do not sum to one.
    """
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    _check(probabilities, labels, patients, class_names)
    weights = patient_weights(patients, seed=seed)
    count = len(class_names)
    matrix = np.zeros((count, count), dtype=int)
    np.add.at(matrix, (labels, probabilities.argmax(axis=1)), 1)
    majority = (labels == np.bincount(labels).argmax()).astype(np.float32)
    return {
        "scans": len(labels),
        "patients": len(set(patients)),
        "majority_class_baseline": estimate(weights @ majority / weights.sum(axis=1)),
        **_estimates(*weighted_metrics(probabilities, labels, weights), class_names),
        "confusion_matrix": {"rows": "label", "columns": "prediction", "counts": matrix.tolist()},
        "undefined": _reasons(matrix, class_names),
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


def paired_differences(
    table: "PredictionTable", reference: "PredictionTable", seed: int = 0
) -> dict[str, Any]:
    """Return by how much one network's metrics exceed another's on the same scans.

    Both are computed on the same bootstrap samples of patients, so that what makes a sample easy for both
    cancels.

    Args:
        table: predictions of the network.
        reference: predictions of the other for the same scans, in any order.
        seed: of the bootstrap.

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
    weights = patient_weights(ours.patients, seed=seed)
    first, second = (weighted_metrics(each.probabilities, each.labels, weights) for each in (ours, other))
    overall, one_vs_rest = (
        {name: mine[name] - theirs[name] for name in mine} for mine, theirs in zip(first, second, strict=True)
    )
    return _estimates(overall, one_vs_rest, table.class_names)


def _estimates(overall: Values, one_vs_rest: Values, class_names: Sequence[str]) -> dict[str, Any]:
    per_class = {
        label: {name: estimate(values[:, index]) for name, values in one_vs_rest.items()}
        for index, label in enumerate(class_names)
    }
    return {**{name: estimate(values) for name, values in overall.items()}, "one_vs_rest": per_class}


def _spread(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    known = [each["value"] for each in found if each["value"] is not None]
    return {
        "mean": float(np.mean(known)) if known else None,
        "standard_deviation": float(np.std(known, ddof=1)) if len(known) > 1 else None,
        "folds": len(known),
    }


def _reasons(matrix: np.ndarray, class_names: Sequence[str]) -> dict[str, str]:
    """Say of each metric that is None why it is."""
    reasons: dict[str, str] = {}
    for metric in ONE_VS_REST:
        for index, label in enumerate(class_names):
            counts = matrix[index].sum(), matrix[:, index].sum(), matrix.sum()
            lacking = [need.lacking for need in metric.needs if not need.met(*counts)]
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
