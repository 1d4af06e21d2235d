import numpy as np
import pytest

from scripts.checkpoints import DistanceRecord
from scripts.errors import UserError
from scripts.features import (
    DISTANCES,
    cross_fitted_record,
    distance_record,
    fit_distance,
    mahalanobis,
    nearest_neighbour,
)

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


def test_a_record_is_mahalanobis_where_its_directions_are_all_there_are():
    training, held_out, values = (crowd(n, channels=12, seed=seed) for n, seed in ((90, 0), (40, 1), (7, 2)))
    record = distance_record(training, held_out)
    np.testing.assert_allclose(
        record.distances(values) * record.threshold, mahalanobis(training)(values), rtol=1e-3
    )


def test_a_record_flags_few_scans_like_the_training_scans_and_all_others():
    record = distance_record(crowd(300), crowd(200, seed=1))
    assert (record.distances(crowd(200, seed=1)) > 1).mean() <= 0.05
    assert 0.01 < (record.distances(crowd(4000, seed=2)) > 1).mean() < 0.1
    assert (record.distances(crowd(100, seed=3, shift=3.0)) > 1).all()
    assert record.fitted_on == {"training_scans": 300, "held_out_scans": 200, "usual": 0.95}


def test_a_scan_off_the_few_directions_is_far():
    """All training scans vary along eight directions; one that differs elsewhere is unlike them."""
    training = crowd(300)
    record = distance_record(training, crowd(200, seed=1))
    usual = training[0]
    beside = np.linalg.svd(training - training.mean(0))[2][-1]
    assert record.distances(usual[None])[0] < 1 < record.distances((usual + 3 * beside)[None])[0]


def test_a_record_is_small_and_survives_a_model_file_s_text():
    record = distance_record(crowd(60, channels=960), crowd(40, channels=960, seed=1))
    text = record.model_dump_json()
    assert len(text) < 300_000
    values = crowd(5, channels=960, seed=2)
    np.testing.assert_array_equal(
        DistanceRecord.model_validate_json(text).distances(values), record.distances(values)
    )


@pytest.mark.parametrize(("held_out", "known"), [(18, False), (19, True)])
def test_a_threshold_takes_nineteen_held_out_scans(held_out, known):
    assert (distance_record(crowd(50), crowd(held_out, seed=1)) is not None) is known


@pytest.mark.parametrize(
    "change", [{"scale": [1.0]}, {"scale": [1.0, 0.0]}, {"variances": []}, {"threshold": 0.0}]
)
def test_a_record_that_contradicts_itself_is_refused(change):
    good = {
        "mean": [0.0, 1.0], "scale": [1.0, 2.0], "directions": [[1.0, 0.0]], "variances": [1.0], "rest": 1.0,
        "threshold": 2.0, "fitted_on": {},
    }  # fmt: skip
    DistanceRecord(**good)
    with pytest.raises(ValueError, match=r"training_distance|greater than 0"):
        DistanceRecord(**good | change)


def test_without_held_out_scans_each_sets_the_threshold_while_it_is_unknown():
    """Of scans like them about one in twenty lies beyond it, though the record knows all that set it."""
    beyond = [
        cross_fitted_record(crowd(80, seed=seed), [str(k) for k in range(80)]).distances(crowd(200, seed=90))
        for seed in range(5)
    ]
    assert 0.01 < (np.concatenate(beyond) > 1).mean() < 0.08


def test_scans_of_one_patient_do_not_set_the_threshold_by_knowing_each_other():
    values = crowd(40)
    twice = np.concatenate([values, values + 1e-6])
    patients = [str(k % 40) for k in range(80)]
    alone, both = cross_fitted_record(values, patients[:40]), cross_fitted_record(twice, patients)
    assert both.threshold == pytest.approx(alone.threshold, rel=0.15)


def test_nineteen_patients_are_too_few_for_a_cross_fitted_distance():
    assert cross_fitted_record(crowd(40), [str(k % 19) for k in range(40)]) is None
    assert cross_fitted_record(crowd(40), [str(k % 20) for k in range(40)]) is not None
