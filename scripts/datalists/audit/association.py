"""How closely each feature alone goes with the class, and whether chance would do as much."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .encoding import Cells
from .shuffling import indicators, shuffled_labels

__all__ = ["Association", "associate"]

CHUNK = 100  # shuffles at a time: bounds the memory


@dataclass(frozen=True)
class Association:
    """One feature and the class.

    Attributes:
        name: of the feature.
        cramers_v: 0 none, 1 as close as the table allows.
        p_value: chance that, of all features, the most striking one is this striking by chance alone.
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
    each feature is compared with the most striking feature of every shuffle (Westfall and Young's maxT), so
    the chance of any false alarm among all features is the p at which one cries.

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
    dealt = shuffled_labels(labels, patients, shuffles, seed)
    classes = np.unique(dealt[0])
    members = np.eye(len(cells.names), dtype=np.float32)[cells.owner]  # cells, features
    chi = np.concatenate(
        [
            _chi_square(cells.matrix, dealt[start : start + CHUNK], classes) @ members
            for start in range(0, len(dealt), CHUNK)
        ]
    )  # shuffles, features
    sizes = members.sum(0)
    freedom = (sizes - 1) * max(1, len(classes) - 1)
    striking = -stats.chi2.logsf(chi, freedom)
    most = striking.max(1)
    best = len(dealt[0]) * np.maximum(1, np.minimum(sizes, len(classes)) - 1)
    return [
        Association(name, float(np.sqrt(chi[0, k] / best[k])), float((most >= striking[0, k] - 1e-9).mean()))
        for k, name in enumerate(cells.names)
    ]


def _chi_square(matrix: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return each cell's part of Pearson's statistic, shape ``(shuffles, cells)``."""
    wanted = indicators(labels, classes)  # shuffles, scans, classes
    observed = np.einsum("nc,rnk->rck", matrix, wanted, optimize=True)
    expected = matrix.sum(0)[None, :, None] * wanted.mean(1)[:, None, :]
    return ((observed - expected) ** 2 / np.maximum(expected, 1e-9)).sum(2)
