"""Labels shuffled between patients: what chance alone would show."""

from collections.abc import Sequence

import numpy as np

__all__ = ["indicators", "shuffled_labels"]


def shuffled_labels(labels: Sequence[int], patients: Sequence[str], count: int, seed: int = 0) -> np.ndarray:
    """Return the labels, and the labels dealt anew to the patients, whose scans keep one label together.

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
    dealt = np.asarray(labels)[first]
    random = np.random.default_rng(seed)
    rows = [dealt, *(random.permutation(dealt) for _ in range(count))]
    return np.stack(rows)[:, owner]


def indicators(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return ``label == class`` as float32, shape ``(*labels.shape, classes)``."""
    return (labels[..., None] == classes).astype(np.float32)
