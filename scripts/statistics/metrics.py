"""The one list of metrics: name, formula, what each needs, how it is aggregated; tables and reports read it.

A new metric is one more entry of :data:`METRICS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import Estimate, area_estimate, combined, leave_one_out, ratio, share_estimate
from .ranking import ranking_areas

__all__ = ["METRICS", "ONE_VS_REST", "OVERALL", "Measured", "Metric", "measure", "weighted_metrics"]

BLOCK = 50  # weightings at a time: their sorted weights stay in the processor's cache
Masks = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of scans labelled, and predicted, as a class


@dataclass(frozen=True)
class Group:
    """Scans that a metric of a class needs.

    Attributes:
        mask: of them.
        lacking: the reason why the metric is not defined, where there is none.
    """

    mask: Masks
    lacking: str


ALL = Group(lambda labelled, predicted: np.ones_like(labelled), "there is no scan")
LABELLED = Group(lambda labelled, predicted: labelled, "no scan is of this class")
OTHERS = Group(lambda labelled, predicted: ~labelled, "all scans are of this class")
PREDICTED = Group(lambda labelled, predicted: predicted, "no scan was predicted as this class")
EITHER = Group(lambda labelled, predicted: labelled | predicted, "no scan is or was predicted as this class")


@dataclass(frozen=True)
class Metric:
    """A metric, of any number of classes. Over folds each is a mean and a standard deviation.

    Attributes:
        name: in JSON and CSV.
        title: in tables.
        formula: in words; TP, FN, FP, TN are of one class against the rest.
        needs: groups of scans, all of them there where it is defined; a share is one of the first.
        part: the scans that count for it, where it is a share.
        of_share: makes it of that share; rising.
        area: which one of :func:`ranking_areas` it is, where it is no share.
        mean_of: name of the one-vs-rest metric whose mean over the classes it is; None where it is none.
        one_vs_rest: it is one value a class.
    """

    name: str
    title: str
    formula: str
    needs: tuple[Group, ...] = ()
    part: Masks | None = None
    of_share: Callable = lambda share: share
    area: int = 0
    mean_of: str | None = None
    one_vs_rest: bool = True


METRICS = (
    Metric(
        "accuracy", "accuracy", "share of scans whose predicted class is right", one_vs_rest=False,
    ),
    Metric(
        "balanced_accuracy", "balanced accuracy (mean recall)", "mean of the classes' recall",
        mean_of="recall", one_vs_rest=False,
    ),
    Metric("macro_f1", "macro F1", "mean of the classes' F1", mean_of="f1", one_vs_rest=False),
    Metric("macro_auc", "macro AUC", "mean of the classes' AUC", mean_of="auc", one_vs_rest=False),
    Metric(
        "accuracy", "accuracy", "(TP + TN) / all", (ALL,), lambda labelled, predicted: labelled == predicted,
    ),
    Metric("recall", "recall", "TP / (TP + FN)", (LABELLED,), lambda labelled, predicted: predicted),
    Metric("specificity", "specificity", "TN / (TN + FP)", (OTHERS,), lambda labelled, predicted: ~predicted),
    Metric("precision", "precision", "TP / (TP + FP)", (PREDICTED,), lambda labelled, predicted: labelled),
    Metric(
        "f1", "F1", "2 TP / (2 TP + FP + FN)", (EITHER,), lambda labelled, predicted: labelled & predicted,
        of_share=lambda share: 2 * share / (1 + share),  # of Jaccard's index
    ),
    Metric(
        "auc", "AUC",
        "share of pairs of a scan of the class and another in which the first has the higher probability; "
        "ties count half",
        (LABELLED, OTHERS), area=0,
    ),
    Metric(
        "average_precision", "average precision",
        "sum over the thresholds, falling, of precision times the step in recall",
        (LABELLED,), area=1,
    ),
)  # fmt: skip
OVERALL = tuple(metric for metric in METRICS if not metric.one_vs_rest)
ONE_VS_REST = tuple(metric for metric in METRICS if metric.one_vs_rest)


@dataclass(frozen=True, eq=False)
class Measured:
    """Every metric of a set of scans with its interval.

    Attributes:
        overall: of all classes, by name.
        one_vs_rest: by name, one a class.
        values: the same two for each row of :func:`leave_one_out`, as :func:`weighted_metrics` has them.
    """

    overall: dict[str, Estimate]
    one_vs_rest: dict[str, list[Estimate]]
    values: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


def measure(probabilities: np.ndarray, labels: np.ndarray, patients: Sequence[str]) -> Measured:
    """Compute every metric with its interval.

    Args:
        probabilities: ``(N, C)``.
        labels: ``(N,)`` integers below C.
        patients: whose scan each row is.
    """
    owners = np.asarray(patients)
    predicted, count = probabilities.argmax(axis=1), probabilities.shape[1]
    values = weighted_metrics(probabilities, labels, leave_one_out(patients))
    one_vs_rest = {
        metric.name: [
            _estimate(metric, labels == index, predicted == index, owners, values[1][metric.name][:, index])
            for index in range(count)
        ]
        for metric in ONE_VS_REST
    }
    overall = {}
    for metric in OVERALL:
        if metric.mean_of is None:
            overall[metric.name] = share_estimate(predicted == labels, np.ones(len(labels), bool), owners)
        else:
            of_classes, shares = one_vs_rest[metric.mean_of], [1 / count] * count
            overall[metric.name] = combined(of_classes, shares, values[1][metric.mean_of].T)
    return Measured(overall, one_vs_rest, values)


def weighted_metrics(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Compute every metric for many weightings of the same scans at once.

    Args:
        probabilities: ``(N, C)``.
        labels: ``(N,)`` integers below C.
        weights: ``(B, N)``, how often each scan counts, as :func:`leave_one_out` gives them.

    Returns:
        Those of :data:`OVERALL` by name, each ``(B,)``, and those of :data:`ONE_VS_REST`, each ``(B, C)``;
        NaN where undefined.
    """
    blocks = [
        _weighted(probabilities, labels, weights[start : start + BLOCK])
        for start in range(0, len(weights), BLOCK)
    ]
    one_vs_rest = {
        metric.name: np.concatenate([block[metric.name] for block in blocks]) for metric in ONE_VS_REST
    }
    right = (probabilities.argmax(axis=1) == labels).astype(weights.dtype)
    overall = {
        metric.name: one_vs_rest[metric.mean_of].mean(axis=1)
        if metric.mean_of
        else (weights @ right).astype(np.float64) / weights.sum(axis=1)
        for metric in OVERALL
    }
    return overall, one_vs_rest


def _weighted(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    predicted, count = probabilities.argmax(axis=1), probabilities.shape[1]
    areas = [ranking_areas(probabilities[:, index], labels == index, weights) for index in range(count)]
    found = {}
    for metric in ONE_VS_REST:
        if metric.part is None:
            columns = [of_class[metric.area] for of_class in areas]
        else:
            columns = []
            for index in range(count):
                masks = labels == index, predicted == index
                whole = metric.needs[0].mask(*masks)
                sums = weights @ np.stack([whole & metric.part(*masks), whole], axis=1).astype(weights.dtype)
                columns.append(metric.of_share(ratio(*sums.T.astype(np.float64))))
        found[metric.name] = np.stack(columns, axis=1)
    return found


def _estimate(
    metric: Metric, labelled: np.ndarray, predicted: np.ndarray, owners: np.ndarray, values: np.ndarray
) -> Estimate:
    """Return a metric of one class with its interval."""
    groups = [group.mask(labelled, predicted) for group in metric.needs]
    if metric.part is None:
        return area_estimate(values, [owners[group] for group in groups])
    found = share_estimate(metric.part(labelled, predicted), groups[0], owners)
    if found["value"] is None:
        return found
    ends = [metric.of_share(end) for end in found["interval_95_percent"]]
    return {"value": metric.of_share(found["value"]), "interval_95_percent": ends}
