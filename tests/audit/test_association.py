import numpy as np
import pytest
from scipy.stats.contingency import association

from scripts.audit.features import associate, encode, shuffled_labels


def noise(count, features, seed):
    random = np.random.default_rng(seed)
    table = {f"x{k}": random.normal(size=count).tolist() for k in range(features)}
    return table, random.integers(3, size=count), [f"p{k}" for k in range(count)]


def test_cramers_v_is_that_of_scipy():
    table, labels, patients = noise(120, 1, seed=0)
    cells = encode(table)
    observed = np.array([[cells.matrix[labels == k, c].sum() for c in range(3)] for k in range(3)]).astype(
        int
    )
    [found] = associate(cells, labels, patients, shuffles=9)
    assert found.cramers_v == pytest.approx(association(observed, method="cramer"), abs=1e-6)


def test_a_class_from_one_source_alone_has_v_1_and_the_smallest_p():
    table, labels, patients = noise(60, 5, seed=1)
    table["source"] = [f"hospital {label}" for label in labels]
    found = {a.name: a for a in associate(encode(table), labels, patients, shuffles=199)}
    assert found["source"].cramers_v == pytest.approx(1) and found["source"].p_value == 1 / 200
    assert min(a.p_value for name, a in found.items() if name != "source") > 0.05


def test_among_many_features_of_noise_one_in_twenty_tables_alarms_at_5_percent():
    alarms = [
        min(a.p_value for a in associate(encode(table), labels, patients, shuffles=99)) <= 0.05
        for table, labels, patients in (noise(40, 12, seed) for seed in range(100))
    ]
    assert sum(alarms) <= 11  # binomial(100, 0.05): more has a chance below 1 %


def test_scans_of_one_patient_are_no_further_evidence():
    """Ten patients with ten equal scans each: what looks like 100 scans is 10."""
    random = np.random.default_rng(3)
    alarms = 0
    for _ in range(60):
        owner = np.repeat(np.arange(10), 10)
        table = {"x": random.permutation(10)[owner].astype(float).tolist()}
        labels = random.permutation(np.arange(10) % 2)[owner]
        [found] = associate(encode(table), labels, owner.astype(str).tolist(), shuffles=99)
        alarms += found.p_value <= 0.05
    assert alarms <= 8


def test_shuffles_keep_a_patient_s_scans_together_and_the_labels_counts():
    labels, patients = [0, 0, 1, 2, 2, 1], ["a", "a", "b", "c", "c", "d"]
    dealt = shuffled_labels(labels, patients, 50)
    assert dealt[0].tolist() == labels and len(np.unique(dealt, axis=0)) > 5
    assert (dealt[:, 0] == dealt[:, 1]).all() and (dealt[:, 3] == dealt[:, 4]).all()
    assert (np.sort(dealt[:, [0, 2, 3, 5]], axis=1) == [0, 1, 1, 2]).all()
