import numpy as np
import pytest

from scripts.errors import UserError
from scripts.features import DISTANCES, fit_distance, mahalanobis, nearest_neighbour

BOTH = list(DISTANCES.values())


def crowd(count, channels=40, seed=0, shift=0.0):
    """Return scans that vary along few directions, as features do."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(8, channels))
    return random.normal(size=(count, 8)) @ mixing + 0.3 * random.normal(size=(count, channels)) + shift


def test_the_nearest_scan_is_measured_in_standardised_features():
    training = np.array([[0.0, 100.0], [2.0, 300.0]])  # means 1 and 200, deviations 1 and 100
    distance = nearest_neighbour(training)
    np.testing.assert_allclose(distance(np.array([[5.0, 700.0], [0.0, 100.0]])), [5.0, 0.0])


def test_mahalanobis_is_the_inverse_of_scikit_learns_shrunk_covariance():
    from sklearn.covariance import LedoitWolf

    for count in (25, 300):  # fewer and more scans than features
        training, values = crowd(count), crowd(7, seed=1, shift=0.5)
        standard = (training - training.mean(0)) / training.std(0)
        oracle = LedoitWolf(assume_centered=True).fit(standard)
        moved = (values - training.mean(0)) / training.std(0)
        np.testing.assert_allclose(mahalanobis(training)(values), np.sqrt(oracle.mahalanobis(moved)))


@pytest.mark.parametrize("distance", BOTH)
def test_scans_like_the_training_scans_are_rare_as_often_as_they_say(distance):
    fitted = fit_distance(crowd(400), list(map(str, range(400))), distance)
    rarity = fitted.rarity(crowd(2000, seed=1))
    for share in (0.05, 0.1, 0.3):
        assert abs((rarity <= share).mean() - share) < 0.04


@pytest.mark.parametrize("distance", BOTH)
def test_other_scans_are_rare(distance):
    fitted = fit_distance(crowd(100), list(map(str, range(100))), distance)
    assert fitted.rarity(crowd(50, seed=1, shift=3.0)).max() < 0.05
    assert fitted.rarity(crowd(1, shift=1e6)).item() == pytest.approx(1 / 101)


@pytest.mark.parametrize("distance", BOTH)
def test_scans_of_one_patient_do_not_make_each_other_usual(distance):
    twice = np.repeat(crowd(50), 2, axis=0)
    fitted = fit_distance(twice, [str(index // 2) for index in range(100)], distance)
    assert fitted.usual.min() > 0.1
    assert (np.diff(fitted.usual) >= 0).all()


def test_too_few_patients_are_refused():
    with pytest.raises(UserError, match="19 patients; a distance to the training scans needs 20"):
        fit_distance(crowd(38), [str(index // 2) for index in range(38)])
