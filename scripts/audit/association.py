"""How closely each feature alone goes with the class, and whether chance would do as much."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .features import Cells

__all__ = ["Association", "associate", "indicators", "shuffled_labels"]

CHUNK = 100  # shuffles at a time: bounds the memory


@dataclass(frozen=True)
class Association:
    """One feature and the class.

    Attributes:
        name: of the feature.
        cramers_v: 0 none, 1 as close as the table allows.
        p_value: chance that, of all features, the strongest one is this strong by chance alone.
    """

    name: str
    cramers_v: float
    p_value: float


def associate(
    cells: Cells, labels: Sequence[int], patients: Sequence[str], shuffles: int, seed: int = 0
) -> list[Association]:
    """Test every feature for association with the class, over all features together.

    Pearson's chi-square of cells by classes, brought to one scale over tables of any size as minus the
    logarithm of its asymptotic p. That p is not believed: the labels are shuffled between patients, and
    each feature is compared with the strongest feature of every shuffle (Westfall and Young's maxT), so
    the chance of any false alarm among all features is the p at which an alarm is raised.

    Args:
        cells: of the features.
        labels: of the scans.
        patients: whose scan each is.
        shuffles: their number bounds the p from below.
        seed: of the shuffling.

    Returns:
        One a feature, in order.
    """
    if not cells.names:
        return []
    shuffled = shuffled_labels(labels, patients, shuffles, seed)
    classes = np.unique(shuffled[0])
    members = np.eye(len(cells.names), dtype=np.float32)[cells.owner]  # cells, features
    chi = np.concatenate(
        [
            _chi_square(cells.matrix, shuffled[start : start + CHUNK], classes) @ members
            for start in range(0, len(shuffled), CHUNK)
        ]
    )  # shuffles, features
    sizes = members.sum(0)
    freedom = (sizes - 1) * max(1, len(classes) - 1)
    strength = -stats.chi2.logsf(chi, freedom)
    strongest = strength.max(1)
    best = len(shuffled[0]) * np.maximum(1, np.minimum(sizes, len(classes)) - 1)
    return [
        Association(
            name, float(np.sqrt(chi[0, k] / best[k])), float((strongest >= strength[0, k] - 1e-9).mean())
        )
        for k, name in enumerate(cells.names)
    ]


def _chi_square(matrix: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return each cell's part of Pearson's statistic, shape ``(shuffles, cells)``."""
    wanted = indicators(labels, classes)  # shuffles, scans, classes
    observed = np.einsum("nc,rnk->rck", matrix, wanted, optimize=True)
    expected = matrix.sum(0)[None, :, None] * wanted.mean(1)[:, None, :]
    return ((observed - expected) ** 2 / np.maximum(expected, 1e-9)).sum(2)


def shuffled_labels(labels: Sequence[int], patients: Sequence[str], count: int, seed: int = 0) -> np.ndarray:
    """Return the labels, and the labels permuted between the patients, whose scans keep one label together.

    If label and features have nothing to do with each other, all rows are equally likely: the rank of row 0
    is an exact test, however few the scans and however many a patient has.

    Args:
        labels: of the scans.
        patients: whose scan each is; one with several labels counts with the first.
        count: of the shuffles.
        seed: of the shuffling.

    Returns:
        int, shape ``(1 + count, scans)``; row 0 as given.
    """
    _, first, owner = np.unique(np.asarray(patients, dtype=str), return_index=True, return_inverse=True)
    own = np.asarray(labels)[first]
    random = np.random.default_rng(seed)
    rows = [own, *(random.permutation(own) for _ in range(count))]
    return np.stack(rows)[:, owner]


def indicators(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return ``label == class`` as float32, shape ``(*labels.shape, classes)``."""
    return (labels[..., None] == classes).astype(np.float32)
