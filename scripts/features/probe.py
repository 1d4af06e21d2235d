"""Regularised logistic regression on features, its strength chosen by nested cross-validation by patient."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from scripts.errors import UserError
from scripts.networks import EncoderProbe

__all__ = ["STRENGTHS", "LinearProbe", "ProbeFit", "cross_validate_probe", "fit_probe", "scan_weights"]

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # scikit-learn's C: the smaller, the more regular
FEWEST_PATIENTS = 3  # of a class: one to test on, one to choose the strength by, one to train on
ITERATIONS = 5000
UNSEEN = -30.0  # logit of a class that no training scan of a fold has


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """Logits as a linear map of standardised features: ``weight @ ((f - mean) / scale) + bias``.

    Attributes:
        mean: ``(C,)``.
        scale: ``(C,)``, positive.
        weight: ``(K, C)`` for K classes.
        bias: ``(K,)``.
    """

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def logits(self, values: np.ndarray) -> np.ndarray:
        """Return ``(N, K)`` of features ``(N, C)``."""
        return self.standardised(values) @ self.weight.T + self.bias

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Return ``(N, K)`` of features ``(N, C)``."""
        return softmax(self.logits(values), axis=1)

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """Return features, ``(N, C)``, in the unit in which the fit's have mean 0 and deviation 1."""
        return (values - self.mean) / self.scale

    def fill(self, network: EncoderProbe) -> None:
        """Write the probe into a network, which then gives the same logits for scans."""
        parts = {"mean": self.mean, "scale": self.scale, "fc.weight": self.weight, "fc.bias": self.bias}
        network.load_state_dict({name: torch.from_numpy(value).float() for name, value in parts.items()})


@dataclass(frozen=True, eq=False)
class ProbeFit:
    """A probe, and how good it is on patients that it does not know.

    Attributes:
        probe: fitted on all scans.
        strength: of its fit, chosen by cross-validation over all scans.
        probabilities: ``(N, K)``, each scan's by a probe that knows neither its patient's features nor a
            strength chosen with them: what is reported.
        same_strength: ``(N, K)``, each scan's by a probe of the strength of ``probe`` that does not know its
            patient: as confident as ``probe`` is, so what a calibration is fitted on.
        fold_strengths: chosen in each outer fold.
        losses: cross-entropy by strength that chose ``strength``.
    """

    probe: LinearProbe
    strength: float
    probabilities: np.ndarray
    same_strength: np.ndarray
    fold_strengths: tuple[float, ...]
    losses: dict[float, float]


def scan_weights(labels: np.ndarray, sources: Sequence[str] | np.ndarray) -> np.ndarray:
    """Return weights under which the classes count alike, and in each class the sources; their mean is 1.

    Args:
        labels: ``(N,)`` class indices.
        sources: where each scan comes from, such as phantoms or a hospital.

    >>> scan_weights(np.array([0, 0, 0, 1]), ["a", "a", "b", "a"]).tolist()
    [0.5, 0.5, 1.0, 2.0]
    """
    weights = np.zeros(len(labels))
    names = np.asarray(sources, dtype=str)
    classes = np.unique(labels)
    for label in classes:
        present = np.unique(names[labels == label])
        for source in present:
            cell = (labels == label) & (names == source)
            weights[cell] = len(labels) / (len(classes) * len(present) * cell.sum())
    return weights


def fit_probe(
    values: np.ndarray, labels: np.ndarray, weights: np.ndarray, strength: float, classes: int
) -> LinearProbe:
    r"""Fit multinomial logistic regression to standardised features.

    The least of :math:`\tfrac12 \lVert W \rVert^2 + c \sum_i w_i\, CE_i`. The best W lies in the span of the
    scans, so where there are more features than scans it is found in that span: the same W, sooner.

    Args:
        values: ``(N, C)``.
        labels: ``(N,)`` class indices below ``classes``.
        weights: ``(N,)``, of the scans.
        strength: c, the smaller, the more regular.
        classes: K; one that no scan has gets a logit of -30.
    """
    mean = np.average(values, axis=0, weights=weights)
    deviation = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))
    scale = np.where(deviation > 1e-6 * np.abs(mean).max(), deviation, 1.0)
    standard = (values - mean) / scale
    basis = np.linalg.svd(standard, full_matrices=False)[2] if len(values) < values.shape[1] else None
    model = LogisticRegression(C=strength, max_iter=ITERATIONS, tol=1e-6)
    model.fit(standard if basis is None else standard @ basis.T, labels, sample_weight=weights)
    slopes, level = model.coef_, model.intercept_
    if len(slopes) == 1:  # of two classes scikit-learn gives the second's logit less the first's
        slopes, level = np.concatenate([-slopes, slopes]) / 2, np.concatenate([-level, level]) / 2
    weight, bias = np.zeros((classes, values.shape[1])), np.full(classes, UNSEEN)
    weight[model.classes_] = slopes if basis is None else slopes @ basis
    bias[model.classes_] = level
    return LinearProbe(mean, scale, weight, bias)


def cross_validate_probe(
    values: np.ndarray,
    labels: np.ndarray,
    patients: Sequence[str],
    sources: Sequence[str],
    classes: int,
    folds: int = 5,
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
) -> ProbeFit:
    """Fit a probe, and predict each scan by one that knows nothing of its patient.

    Outer folds give the predictions; in each, inner folds of the other patients choose the strength by the
    cross-entropy of scans that weigh as in the fit. The probe itself is fitted on all scans, its strength
    chosen in the same way by all.

    Args:
        values: ``(N, C)``.
        labels: ``(N,)`` class indices below ``classes``.
        patients: whose scan each is; all of a patient's lie in one fold.
        sources: where each scan comes from; see :func:`scan_weights`.
        classes: K.
        folds: outer and inner; fewer where a class has fewer patients, but three outer ones at least.
        strengths: to choose from.
        seed: of the folds.

    Raises:
        UserError: a class has fewer than three patients.
    """
    groups = np.asarray(patients, dtype=str)
    owners = [len(np.unique(groups[labels == label])) for label in range(classes)]
    if min(owners) < FEWEST_PATIENTS:
        raise UserError(
            f"class {int(np.argmin(owners))} has scans of {min(owners)} patients; a probe needs those of "
            f"{FEWEST_PATIENTS} at least: label more, or merge classes"
        )
    table = _Table(values, labels, groups, np.asarray(sources, dtype=str), classes)
    probabilities, chosen = np.zeros((len(labels), classes)), []
    for train, test in table.folds(max(FEWEST_PATIENTS, min(folds, *owners)), seed):
        rest = table.rows(train)
        chosen.append(_best(rest.losses(rest.predictions(folds, strengths, seed + 1))))
        probabilities[test] = rest.fit(chosen[-1]).probabilities(values[test])
    predictions = table.predictions(folds, strengths, seed)
    losses = table.losses(predictions)
    strength = _best(losses)
    same = softmax(predictions[strength], axis=1)
    return ProbeFit(table.fit(strength), strength, probabilities, same, tuple(chosen), losses)


def _best(losses: dict[float, float]) -> float:
    return min(losses, key=losses.__getitem__)


@dataclass(frozen=True, eq=False)
class _Table:
    """Labelled features, and what is done to some of their rows as to all."""

    values: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    sources: np.ndarray
    classes: int

    def rows(self, chosen: np.ndarray) -> "_Table":
        return _Table(
            self.values[chosen], self.labels[chosen], self.groups[chosen], self.sources[chosen], self.classes
        )

    def folds(self, count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        return splitter.split(self.values, self.labels, self.groups)

    def fit(self, strength: float) -> LinearProbe:
        weights = scan_weights(self.labels, self.sources)
        return fit_probe(self.values, self.labels, weights, strength, self.classes)

    def predictions(self, folds: int, strengths: Sequence[float], seed: int) -> dict[float, np.ndarray]:
        """Return logits out of fold, ``(N, K)``, by strength; the most regular first."""
        owners = [len(np.unique(self.groups[self.labels == label])) for label in np.unique(self.labels)]
        parts = list(self.folds(max(2, min(folds, *owners)), seed))
        found = {strength: np.zeros((len(self.labels), self.classes)) for strength in sorted(strengths)}
        for train, test in parts:
            rest = self.rows(train)
            for strength, logits in found.items():
                logits[test] = rest.fit(strength).logits(self.values[test])
        return found

    def losses(self, predictions: dict[float, np.ndarray]) -> dict[float, float]:
        """Return the cross-entropy of each strength's logits, scans weighed as in a fit."""
        weights, rows = scan_weights(self.labels, self.sources), np.arange(len(self.labels))
        return {
            strength: float(-(weights * log_softmax(logits, axis=1)[rows, self.labels]).mean())
            for strength, logits in predictions.items()
        }
