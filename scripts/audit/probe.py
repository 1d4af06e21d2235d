"""The shortcut probe: can the class be predicted from what carries no lesion?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from sklearn.model_selection import GroupKFold

from scripts.statistics import held_out_auc, weighted_held_out_auc

from .features import Cells, indicators, shuffled_labels

__all__ = ["FEWEST_PATIENTS", "Probe", "probe_shortcuts"]

FOLDS = 5
FEWEST_PATIENTS = 10  # of a class: with less there is nothing to cross-validate
PENALTY = 10.0  # scans: a cell with fewer says little
CHUNK = 100  # shuffles at a time: bounds the memory
DRAWS = 1000  # of the bootstrap
STRETCHED = 20  # shuffles by which the interval is widened
REPEATS = 5  # of the shuffling of a feature


@dataclass(frozen=True)
class Probe:
    """What the probe found.

    Attributes:
        auc: mean one-against-rest area under the curve, out of fold; chance is 0.5.
        interval: 95 %, by patient.
        p_value: chance of such an AUC where labels and features are unrelated.
        accuracy: share of the scans whose class is predicted rightly.
        majority: that share of the majority-class baseline.
        importance: how much the AUC falls when the feature's values are shuffled between scans, by name.
        alone: AUC of each feature alone with its interval, by name.
    """

    auc: float
    interval: tuple[float, float]
    p_value: float
    accuracy: float
    majority: float
    importance: dict[str, float]
    alone: dict[str, tuple[float, float, float]]


@dataclass(frozen=True, eq=False)
class _Task:
    """Labels with their shuffles, folds and bootstrap draws; the same for all and for single features."""

    shuffled: np.ndarray  # shuffles, scans
    classes: np.ndarray
    folds: np.ndarray  # scans
    weights: np.ndarray  # draws, scans

    def wanted(self, rows: slice) -> np.ndarray:
        """Return the indicators of some shuffles, ``(scans, shuffles, classes)``."""
        return indicators(self.shuffled[rows], self.classes).transpose(1, 0, 2)


def probe_shortcuts(
    cells: Cells, labels: Sequence[int], patients: Sequence[str], shuffles: int, seed: int = 0
) -> Probe:
    """Cross-validate, by patient, a linear classifier of the features' cells.

    Ridge regression onto class indicators, which is linear in the labels, so that all shuffles are fitted
    at once. Folds are drawn without a look at the labels: the real ones and the shuffled ones are treated
    alike, and the p is exact. The interval is a bootstrap over patients of the out-of-fold scores; these
    share training scans, so it is stretched by the factor by which the shuffles spread wider than their
    own bootstrap says.

    Args:
        cells: of the features; at least one.
        labels: of the scans; two classes or more.
        patients: whose scan each is; at least FOLDS.
        shuffles: their number bounds the p from below.
        seed: of shuffles, folds and draws.
    """
    task = _task(labels, patients, shuffles, seed)
    scores, null, stretch = _score_all(cells.matrix, task)
    auc, interval = _interval(scores, task, stretch)
    predicted = task.classes[scores.argmax(1)]
    truth = task.shuffled[0]
    alone = {}
    for feature, name in enumerate(cells.names):
        own = _out_of_fold(cells.of(feature).matrix, task.wanted(slice(0, 1)), task.folds)[:, 0]
        area, span = _interval(own, task, stretch)
        alone[name] = (area, *span)
    return Probe(
        auc=auc,
        interval=interval,
        p_value=float((null >= null[0] - 1e-9).mean()),
        accuracy=float((predicted == truth).mean()),
        majority=float(np.max(np.unique(truth, return_counts=True)[1]) / len(truth)),
        importance=_importance(cells, task, seed),
        alone=alone,
    )


def _task(labels: Sequence[int], patients: Sequence[str], shuffles: int, seed: int) -> _Task:
    shuffled = shuffled_labels(labels, patients, shuffles, seed)
    _, owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    folds = np.zeros(len(owner), dtype=int)
    splitter = GroupKFold(FOLDS, shuffle=True, random_state=seed)
    for fold, (_, held) in enumerate(splitter.split(owner, groups=owner)):
        folds[held] = fold
    random = np.random.default_rng(seed + 1)
    count = int(owner.max()) + 1
    draws = random.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(np.float32)
    return _Task(shuffled, np.unique(shuffled[0]), folds, draws[:, owner])


def _out_of_fold(matrix: np.ndarray, wanted: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return scores of scans by models that did not see their patients, shape of ``wanted``."""
    flat = wanted.reshape(len(wanted), -1)
    scores = np.empty_like(flat)
    for fold in np.unique(folds):
        held = folds == fold
        slopes, level = _ridge(matrix[~held], flat[~held])
        scores[held] = matrix[held] @ slopes + level
    return np.round(scores, 6).reshape(wanted.shape)  # equal cells tie, whatever the rounding of sums


def _ridge(matrix: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes and level of a ridge regression; scikit-learn's spends more time on its checks."""
    centre, mean = matrix.mean(0), wanted.mean(0)
    moved = matrix - centre
    normal = moved.T @ moved + np.float32(PENALTY) * np.eye(len(centre), dtype=np.float32)
    slopes = linalg.solve(normal, moved.T @ (wanted - mean), assume_a="pos")
    return slopes, mean - centre @ slopes


def _score_all(matrix: np.ndarray, task: _Task) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the real labels' scores, the AUC of every shuffle, and the interval's stretch."""
    parts = []
    for start in range(0, len(task.shuffled), CHUNK):
        wanted = task.wanted(slice(start, start + CHUNK))
        scores = _out_of_fold(matrix, wanted, task.folds)
        parts.append(held_out_auc(scores, wanted, task.folds))
        if start == 0:
            first, first_wanted = scores, wanted
    null = np.concatenate(parts)
    assumed = [
        weighted_held_out_auc(first[:, k], first_wanted[:, k], task.folds, task.weights).std()
        for k in range(1, min(1 + STRETCHED, first.shape[1]))
    ]
    return first[:, 0], null, max(1.0, float(null[1:].std() / max(np.mean(assumed), 1e-6)))


def _interval(scores: np.ndarray, task: _Task, stretch: float) -> tuple[float, tuple[float, float]]:
    wanted = task.wanted(slice(0, 1))[:, 0]
    auc = float(held_out_auc(scores[:, None], wanted[:, None], task.folds)[0])
    drawn = weighted_held_out_auc(scores, wanted, task.folds, task.weights)
    low, high = np.clip(auc + stretch * (np.quantile(drawn, (0.025, 0.975)) - auc), 0, 1)
    return auc, (float(low), float(high))


def _importance(cells: Cells, task: _Task, seed: int) -> dict[str, float]:
    """Return the fall of the AUC when one feature's cells are shuffled among the scans held out together."""
    wanted = task.wanted(slice(0, 1))
    random = np.random.default_rng(seed + 2)
    columns = [np.flatnonzero(cells.owner == k) for k in range(len(cells.names))]
    scores = np.zeros((len(cells.matrix), 1 + len(columns) * REPEATS, wanted.shape[2]), dtype=np.float32)
    for fold in np.unique(task.folds):
        held = np.flatnonzero(task.folds == fold)
        rest = task.folds != fold
        slopes, level = _ridge(cells.matrix[rest], wanted[rest, 0])
        whole = cells.matrix[held] @ slopes + level
        scores[held, 0] = whole
        for k, own in enumerate(columns):
            for repeat in range(REPEATS):
                moved = cells.matrix[np.ix_(random.permutation(held), own)] - cells.matrix[np.ix_(held, own)]
                scores[held, 1 + k * REPEATS + repeat] = whole + moved @ slopes[own]
    repeated = np.broadcast_to(wanted, scores.shape)
    auc = held_out_auc(np.round(scores, 6), repeated, task.folds)
    falls = auc[0] - auc[1:].reshape(len(columns), REPEATS).mean(1)
    return {name: float(fall) for name, fall in zip(cells.names, falls, strict=True)}
