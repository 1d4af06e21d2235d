"""How far a scan lies from those that a probe was trained on, among the features of an encoder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.model_selection import GroupKFold

from scripts.checkpoints import DistanceRecord
from scripts.errors import UserError

__all__ = [
    "DISTANCES",
    "TrainingDistance",
    "cross_fitted_record",
    "distance_record",
    "fit_distance",
    "mahalanobis",
    "nearest_neighbour",
]

FOLDS = 10
DIRECTIONS = 16  # of the record in a model file
USUAL = 0.95  # share of scans like the training scans that are not called unlike them
SIGNIFICANT = 5  # digits of a number in a model file
FEWEST_PATIENTS = 20  # with fewer, no scan can be told to be rarer than one in twenty
Distance = Callable[[np.ndarray], np.ndarray]  # features (N, C) -> (N,)


@dataclass(frozen=True, eq=False)
class TrainingDistance:
    """A scan's distance to the training scans, and how rare it is among theirs to one another.

    Attributes:
        distance: of features, ``(N, C)`` to ``(N,)``, to all training scans.
        usual: of each training scan to those of other patients, rising.
    """

    distance: Distance
    usual: np.ndarray

    def rarity(self, values: np.ndarray) -> np.ndarray:
        """Return the share of the training scans that lie as far from the others, or farther.

        The scan itself counts among them, so that of scans like the training scans about a share p at most
        has a rarity of p or less (a conformal p-value; Bates et al., Annals of Statistics 51, 2023).

        Args:
            values: features, ``(N, C)``.

        Returns:
            ``(N,)``, above 0 to 1.
        """
        farther = len(self.usual) - np.searchsorted(self.usual, self.distance(values), side="left")
        return (1 + farther) / (1 + len(self.usual))


def nearest_neighbour(training: np.ndarray) -> Distance:
    """Return the Euclidean distance to the nearest training scan, of standardised features.

    Args:
        training: features, ``(N, C)``.
    """
    standardise = _standardising(training)
    placed = standardise(training)
    return lambda values: np.array([np.sqrt(((placed - v) ** 2).sum(1).min()) for v in standardise(values)])


def mahalanobis(training: np.ndarray) -> Distance:
    r"""Return the distance to the training scans' mean, in units of their spread in that direction.

    The covariance of the standardised features is shrunk, :math:`(1 - a) S + a m I` with m the mean
    variance, as far as the number of scans asks for (Ledoit and Wolf, J. Multivariate Analysis 88, 2004).
    Directions in which the training scans do not differ keep the variance :math:`a m`.

    Args:
        training: features, ``(N, C)``.
    """
    standardise = _standardising(training)
    placed = standardise(training)
    shrinkage = ledoit_wolf_shrinkage(placed, assume_centered=True)
    _, lengths, directions = np.linalg.svd(placed, full_matrices=False)
    floor = shrinkage * (placed**2).mean()
    variances = (1 - shrinkage) * lengths**2 / len(placed) + floor

    def distance(values: np.ndarray) -> np.ndarray:
        standard = standardise(values)
        along = standard @ directions.T
        beside = (standard**2).sum(1) - (along**2).sum(1)
        return np.sqrt((along**2 / variances).sum(1) + beside.clip(min=0) / floor)

    return distance


DISTANCES = {"nearest_neighbour": nearest_neighbour, "mahalanobis": mahalanobis}


def fit_distance(
    values: np.ndarray,
    patients: Sequence[str],
    distance: Callable[[np.ndarray], Distance] = nearest_neighbour,
) -> TrainingDistance:
    """Learn which distances are usual among the training scans.

    Args:
        values: features of the training scans, ``(N, C)``.
        patients: whose they are; a scan's usual distance is to scans of other patients, ten parts in turn.
        distance: from training features to their distance: :func:`nearest_neighbour`, :func:`mahalanobis`.

    Raises:
        UserError: there are fewer than twenty patients.
    """
    count = len(set(patients))
    if count < FEWEST_PATIENTS:
        raise UserError(
            f"{count} patients; a distance to the training scans needs {FEWEST_PATIENTS} at least"
        )
    usual = [
        distance(values[others])(values[own])
        for others, own in GroupKFold(FOLDS).split(values, groups=np.asarray(patients, dtype=str))
    ]
    return TrainingDistance(distance(values), np.sort(np.concatenate(usual)))


def distance_record(
    training: np.ndarray, held_out: np.ndarray, usual: float = USUAL
) -> DistanceRecord | None:
    """Return a distance to the training scans that a model file can hold: :func:`mahalanobis`, shortened.

    The covariance is shrunk likewise; beyond the first sixteen principal directions all variances are taken
    as their mean. The threshold is a quantile of scans that the network was not trained on, since it knows
    its training scans too well: at most ``1 - usual`` of scans like them lie beyond it, on average (Vovk et
    al., Algorithmic Learning in a Random World, 2005).

    Args:
        training: features of the training scans, ``(N, C)``.
        held_out: features of others from the same source, ``(M, C)``.
        usual: share of such scans that are to lie within the threshold.

    Returns:
        None where there are too few held-out scans for such a quantile (19 at least for 0.95), or fewer than
        two training scans.
    """
    if _rank(len(held_out), usual) > len(held_out) or len(training) < 2:
        return None
    unit = _unit_record(training)
    counts = {"training_scans": len(training), "held_out_scans": len(held_out), "usual": usual}
    return _with_threshold(unit, unit.distances(held_out), counts)


def cross_fitted_record(
    values: np.ndarray, patients: Sequence[str], usual: float = USUAL
) -> DistanceRecord | None:
    """Return such a distance where no scan is held out: each scan sets the threshold while it is unknown.

    For features of an encoder that none of the scans has trained. Ten parts of the patients are left out in
    turn; the record itself knows all scans.

    Args:
        values: features of all scans, ``(N, C)``.
        patients: whose they are.
        usual: as in :func:`distance_record`.

    Returns:
        None where there are fewer than twenty patients.
    """
    if len(set(patients)) < FEWEST_PATIENTS:
        return None
    groups = np.asarray(patients, dtype=str)
    distances = [
        _unit_record(values[others]).distances(values[own])
        for others, own in GroupKFold(FOLDS).split(values, groups=groups)
    ]
    counts = {"training_scans": len(values), "held_out_scans": len(values), "usual": usual}
    return _with_threshold(_unit_record(values), np.concatenate(distances), counts)


def _rank(count: int, usual: float) -> int:
    return int(np.ceil(usual * (count + 1)))


def _with_threshold(
    unit: DistanceRecord, distances: np.ndarray, fitted_on: Mapping[str, Any]
) -> DistanceRecord:
    place = _rank(len(distances), fitted_on["usual"]) - 1
    threshold = float(np.sort(distances)[place])
    return unit.model_copy(update={"threshold": threshold, "fitted_on": dict(fitted_on)})


def _unit_record(training: np.ndarray) -> DistanceRecord:
    """Return the distance to these scans, its threshold 1."""
    mean, scale = _mean_and_scale(training)
    placed = (training - mean) / scale
    shrinkage = ledoit_wolf_shrinkage(placed, assume_centered=True)
    _, lengths, directions = np.linalg.svd(placed, full_matrices=False)
    count = min(DIRECTIONS, len(lengths))
    spread = (1 - shrinkage) * lengths**2 / len(placed)
    floor = shrinkage * (placed**2).mean()
    beside = spread[count:].sum() / max(placed.shape[1] - count, 1) + floor
    facts: dict[str, Any] = {
        "mean": _rounded(mean),
        "scale": _rounded(scale),
        "directions": [_rounded(direction) for direction in directions[:count]],
        "variances": _rounded(spread[:count] + floor),
        "rest": max(_rounded([beside])[0], 1e-12),
    }
    return DistanceRecord(**facts, threshold=1.0, fitted_on={})


def _rounded(values: Iterable[float]) -> list[float]:
    return [float(f"{value:.{SIGNIFICANT}g}") for value in values]


def _standardising(training: np.ndarray) -> Distance:
    mean, scale = _mean_and_scale(training)
    return lambda values: (values - mean) / scale


def _mean_and_scale(training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each feature's mean and standard deviation, 1 where it does not vary."""
    mean, deviation = training.mean(0), training.std(0)
    return mean, np.where(deviation > 1e-6 * np.abs(mean).max(), deviation, 1.0)
