"""The features that carry no lesion, one value a scan; and how closely each alone goes with the class."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from .measuring import Measurement

__all__ = [
    "Association",
    "Cells",
    "associate",
    "encode",
    "feature_table",
    "indicators",
    "shuffled_labels",
    "subjects",
]

FROM_ITEM = ("source", "intensity", "sex", "age")
Value = float | str | bool | None
FEWEST_SCANS = 3  # of a text: rarer ones are taken together
MOST_LEVELS = 8  # a number with more values is cut at its quantiles
SCANS_PER_BIN = 100


def feature_table(
    items: Sequence[Mapping[str, Any]], measured: Mapping[str, Measurement]
) -> dict[str, list[Any]]:
    """Gather what datalist, header and background say of each scan.

    Args:
        items: of the datalist.
        measured: by ``key``.

    Returns:
        Name to values, None where unknown; features that nobody has are absent.
    """
    rows = []
    for item in items:
        known = measured[item["key"]]
        row = {name: item.get(name) for name in FROM_ITEM}
        masked = item.get("masked_body", known.masked_body)
        row |= known.header | known.background
        row["masked_body"] = None if masked is None else "yes" if masked else "no"
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    table = {name: [row.get(name) for row in rows] for name in names}
    return {name: values for name, values in table.items() if any(value is not None for value in values)}


def subjects(items: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[str]]:
    """Return label and patient of each scan."""
    return [int(item["label"]) for item in items], [str(item["patient"]) for item in items]


@dataclass(frozen=True, eq=False)
class Cells:
    """Each scan lies in one cell of each feature.

    Attributes:
        names: of the features; those on which all scans agree are absent.
        matrix: 0 or 1, float32, shape ``(scans, cells)``.
        owner: index of the feature that each cell belongs to, shape ``(cells,)``.
        titles: of the cells.
    """

    names: tuple[str, ...]
    matrix: np.ndarray
    owner: np.ndarray
    titles: tuple[str, ...]

    def of(self, feature: int) -> "Cells":
        """Return one feature alone."""
        mine = np.flatnonzero(self.owner == feature)
        titles = tuple(self.titles[cell] for cell in mine)
        return Cells((self.names[feature],), self.matrix[:, mine], np.zeros(len(mine), dtype=int), titles)


def encode(features: Mapping[str, Sequence[Value]]) -> Cells:
    """Cut each feature into cells without looking at any label.

    A number with few values has a cell a value, another one is cut at its quantiles, so that any curve, not
    only a slope, can be seen; text has a cell a word; what is missing has a cell of its own.

    Args:
        features: a value for each scan.

    Example:
        >>> cells = encode({"spacing": [5.0, 5.0, 2.5, None], "format": ["nifti"] * 4})
        >>> cells.names, cells.titles
        (('spacing',), ('2.5', '5', 'missing'))
    """
    names: list[str] = []
    columns: list[np.ndarray] = []
    owner: list[int] = []
    titles: list[str] = []
    for name, values in features.items():
        labels, order = _cells_of(values)
        present = [title for title in order if title in set(labels)]
        if len(present) < 2:
            continue
        for title in present:
            columns.append(np.array([label == title for label in labels], dtype=np.float32))
            owner.append(len(names))
            titles.append(title)
        names.append(name)
    count = len(next(iter(features.values()))) if features else 0
    matrix = np.stack(columns, axis=1) if columns else np.zeros((count, 0), dtype=np.float32)
    return Cells(tuple(names), matrix, np.array(owner, dtype=int), tuple(titles))


def _cells_of(values: Sequence[Value]) -> tuple[list[str], list[str]]:
    """Return each scan's cell, and the cells in order."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return _numeric(values)
    counts = Counter(str(value) for value in known)
    common = {text for text, count in counts.items() if count >= FEWEST_SCANS}
    cells = [
        "missing" if value is None else str(value) if str(value) in common else "other" for value in values
    ]
    return cells, [*sorted(common), "other", "missing"]


def _numeric(values: Sequence[Value]) -> tuple[list[str], list[str]]:
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    known = numbers[np.isfinite(numbers)]
    levels = np.unique(known)
    if len(levels) > MOST_LEVELS:
        bins = int(np.clip(len(known) // SCANS_PER_BIN, 3, MOST_LEVELS))
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
        titles = [f"<= {edges[0]:g}", *(f"<= {edge:g}" for edge in edges[1:]), f"> {edges[-1]:g}"]
        index = np.searchsorted(edges, numbers)
    else:
        titles = [f"{level:g}" for level in levels]
        index = np.searchsorted(levels, numbers)
    cells = [
        titles[i] if finite else "missing" for i, finite in zip(index, np.isfinite(numbers), strict=True)
    ]
    return cells, [*titles, "missing"]


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
