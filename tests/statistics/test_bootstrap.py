import numpy as np
import pytest

from scripts.statistics import estimate, patient_bootstrap, patient_weights, percentile_interval


def width(patients, values):
    low, high = patient_bootstrap(lambda rows: values[rows].mean(), patients)
    return high - low


def test_interval_covers_the_truth_in_about_95_of_100_samples():
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        values = (random.random(80) < 0.7).astype(float)
        weights = patient_weights(range(80), resamples=400)[1:]
        low, high = percentile_interval(weights @ values / weights.sum(axis=1))
        covered += low <= 0.7 <= high
    assert 0.88 <= covered / 200 <= 1.0


def test_repeated_scans_of_a_patient_do_not_narrow_the_interval():
    values = np.tile([1.0, 0.0, 1.0, 1.0, 0.0], 4)
    once = np.repeat(values, 1)
    assert width(range(20), once) < width(np.repeat(range(5), 4), np.repeat([1.0, 0.0, 1.0, 1.0, 0.0], 4))


def test_same_seed_gives_the_same_interval():
    values = np.arange(10.0)
    mean = lambda rows: values[rows].mean()  # noqa: E731
    assert patient_bootstrap(mean, range(10), seed=3) == patient_bootstrap(mean, range(10), seed=3)


def test_weights_give_the_intervals_that_the_loop_over_resamples_gives():
    random = np.random.default_rng(0)
    values, patients = random.random(31), random.integers(12, size=31)
    weights = patient_weights(patients, resamples=300, seed=4)
    means = weights @ values / weights.sum(axis=1)
    assert means[0] == pytest.approx(values.mean())
    looped = patient_bootstrap(lambda rows: values[rows].mean(), patients, resamples=300, seed=4)
    assert percentile_interval(means[1:]) == pytest.approx(looped, rel=1e-5)


def test_a_metric_that_most_resamples_do_not_define_has_no_interval():
    assert percentile_interval(np.array([0.5] * 90 + [np.nan] * 10)) is None
    assert percentile_interval(np.array([0.5] * 99 + [np.nan])) == [0.5, 0.5]
    assert estimate(np.array([np.nan, 0.5, 0.5])) == {"value": None, "interval_95_percent": None}
