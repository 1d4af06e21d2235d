"""The one list of metrics: name, formula, what each needs, how it is aggregated; tables and reports read it.

A new metric is one more entry of :data:`METRICS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .intervals import ratio
from .ranking import ranking_areas

__all__ = ["METRICS", "ONE_VS_REST", "OVERALL", "Metric", "weighted_metrics"]

BLOCK = 50  # resamples at a time: their sorted weights stay in the processor's cache


@dataclass(frozen=True)
class Counts:
    """B weightings of N scans of C classes, as the metrics need them.

    Attributes:
        matrix: weights by label (rows) and prediction (columns), ``(B, C, C)``.
        auc: area under each class's ROC curve, ``(B, C)``.
        average_precision: of each class, ``(B, C)``.
    """

    matrix: np.ndarray
    auc: np.ndarray
    average_precision: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> "Counts":
        """Count ``(N, C)`` probabilities and ``(N,)`` labels under ``(B, N)`` weights."""
        count = probabilities.shape[1]
        cell = np.eye(count**2, dtype=weights.dtype)[labels * count + probabilities.argmax(axis=1)]
        areas = [ranking_areas(probabilities[:, index], labels == index, weights) for index in range(count)]
        auc, precision = (np.stack(parts, axis=1) for parts in zip(*areas, strict=True))
        return cls((weights @ cell).astype(np.float64).reshape(-1, count, count), auc, precision)

    @property
    def whole(self) -> np.ndarray:
        """All scans, ``(B, 1)``."""
        return self.matrix.sum(axis=(1, 2))[:, None]

    @property
    def true_positive(self) -> np.ndarray:
        """Scans of each class that are predicted as it, ``(B, C)``."""
        return np.diagonal(self.matrix, axis1=1, axis2=2)

    @property
    def labelled(self) -> np.ndarray:
        """Scans of each class, ``(B, C)``."""
        return self.matrix.sum(axis=2)

    @property
    def predicted(self) -> np.ndarray:
        """Scans predicted as each class, ``(B, C)``."""
        return self.matrix.sum(axis=1)

    @property
    def true_negative(self) -> np.ndarray:
        """Scans of other classes that are predicted as other classes, ``(B, C)``."""
        return self.whole - self.labelled - self.predicted + self.true_positive


@dataclass(frozen=True)
class Need:
    """What must be there for a metric of a class to be defined.

    Attributes:
        lacking: the reason, where it is not.
        met: maps a class's labelled and predicted scans, and all scans, to whether it is.
    """

    lacking: str
    met: Callable[[float, float, float], bool]


LABELLED = Need("no scan is of this class", lambda labelled, predicted, whole: labelled > 0)
OTHERS = Need("all scans are of this class", lambda labelled, predicted, whole: labelled < whole)
PREDICTED = Need("no scan was predicted as this class", lambda labelled, predicted, whole: predicted > 0)
EITHER = Need(
    "no scan is or was predicted as this class", lambda labelled, predicted, whole: labelled + predicted > 0
)


@dataclass(frozen=True)
class Metric:
    """A metric, of any number of classes. Over folds each is a mean and a standard deviation.

    Attributes:
        name: in JSON and CSV.
        title: in tables.
        formula: in words; TP, FN, FP, TN are of one class against the rest.
        compute: maps counts to ``(B,)``, or to ``(B, C)`` where it is of one class against the rest.
        needs: of a class, for the metric to be defined.
        mean_of: name of the one-vs-rest metric whose mean over the classes it is; None where it is none.
        one_vs_rest: it is one value a class.
    """

    name: str
    title: str
    formula: str
    compute: Callable[[Counts], np.ndarray]
    needs: tuple[Need, ...] = ()
    mean_of: str | None = None
    one_vs_rest: bool = True


def _recall(counts: Counts) -> np.ndarray:
    return ratio(counts.true_positive, counts.labelled)


def _f1(counts: Counts) -> np.ndarray:
    return ratio(2 * counts.true_positive, counts.labelled + counts.predicted)


METRICS = (
    Metric(
        "accuracy", "accuracy", "share of scans whose predicted class is right",
        lambda counts: counts.true_positive.sum(axis=1) / counts.whole[:, 0], one_vs_rest=False,
    ),
    Metric(
        "balanced_accuracy", "balanced accuracy (mean recall)", "mean of the classes' recall",
        lambda counts: _recall(counts).mean(axis=1), mean_of="recall", one_vs_rest=False,
    ),
    Metric(
        "macro_f1", "macro F1", "mean of the classes' F1",
        lambda counts: _f1(counts).mean(axis=1), mean_of="f1", one_vs_rest=False,
    ),
    Metric(
        "macro_auc", "macro AUC", "mean of the classes' AUC",
        lambda counts: counts.auc.mean(axis=1), mean_of="auc", one_vs_rest=False,
    ),
    Metric(
        "accuracy", "accuracy", "(TP + TN) / all",
        lambda counts: (counts.true_positive + counts.true_negative) / counts.whole,
    ),
    Metric("recall", "recall", "TP / (TP + FN)", _recall, (LABELLED,)),
    Metric(
        "specificity", "specificity", "TN / (TN + FP)",
        lambda counts: ratio(counts.true_negative, counts.whole - counts.labelled), (OTHERS,),
    ),
    Metric(
        "precision", "precision", "TP / (TP + FP)",
        lambda counts: ratio(counts.true_positive, counts.predicted), (PREDICTED,),
    ),
    Metric("f1", "F1", "2 TP / (2 TP + FP + FN)", _f1, (EITHER,)),
    Metric(
        "auc", "AUC",
        "share of pairs of a scan of the class and another in which the first has the higher probability; "
        "ties count half",
        lambda counts: counts.auc, (LABELLED, OTHERS),
    ),
    Metric(
        "average_precision", "average precision",
        "sum over the thresholds, falling, of precision times the step in recall",
        lambda counts: counts.average_precision, (LABELLED,),
    ),
)  # fmt: skip
OVERALL = tuple(metric for metric in METRICS if not metric.one_vs_rest)
ONE_VS_REST = tuple(metric for metric in METRICS if metric.one_vs_rest)


def weighted_metrics(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Compute every metric for many weightings of the same scans at once.

    Two networks' metrics on the same weights are paired: the bootstrap distribution of their difference is
    the difference of the two results.

    Args:
        probabilities: ``(N, C)``.
        labels: ``(N,)`` integers below C.
        weights: ``(B, N)``, how often each scan counts, as :func:`patient_weights` gives them.

    Returns:
        Those of :data:`OVERALL` by name, each ``(B,)``, and those of :data:`ONE_VS_REST`, each ``(B, C)``;
        NaN where undefined.
    """
    blocks = [
        Counts.of(probabilities, labels, weights[start : start + BLOCK])
        for start in range(0, len(weights), BLOCK)
    ]
    overall, one_vs_rest = (
        {metric.name: np.concatenate([metric.compute(block) for block in blocks]) for metric in metrics}
        for metrics in (OVERALL, ONE_VS_REST)
    )
    return overall, one_vs_rest
