"""Synthetic tables of features, with and without a shortcut of a known size."""

import numpy as np


def cohort(count, seed, effect=0.0, features=20):
    """Return features, labels, patients; `effect` is how many standard deviations COVID-19 shifts x0.

    A sixth of the scans are second visits, alike in their features.
    """
    random = np.random.default_rng(seed)
    owner = np.arange(count) * 5 // 6
    labels = random.integers(3, size=count)[owner]
    values = 0.8 * random.normal(size=(count, features))[owner] + 0.6 * random.normal(size=(count, features))
    values[:, 0] += effect * (labels == 2)
    table = {f"x{k}": values[:, k].tolist() for k in range(features)}
    return table, labels.tolist(), [f"p{k}" for k in owner]


def masked(count, seed, shares=(0.62, 0.003, 0.10)):
    """Return features, labels, patients with bodies masked in those shares of the classes, as in CC-CCII."""
    table, labels, patients = cohort(count, seed)
    random = np.random.default_rng(seed + 1)
    hidden = [random.random() < shares[label] for label in labels]
    table["masked_body"] = ["yes" if flag else "no" for flag in hidden]
    return table, labels, patients
