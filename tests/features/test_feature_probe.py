import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from scripts.errors import UserError
from scripts.features import cross_validate_probe, fit_probe, scan_weights
from scripts.networks import EncoderProbe


def scans(count=60, channels=12, classes=3, apart=1.5, seed=0):
    """Return features whose first channels tell the class, labels and patients of two scans each."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count // 2) % classes, 2)
    values = random.normal(5, 2, (count, channels))
    values[np.arange(count), labels] += apart
    return values, labels, [f"p{index // 2}" for index in range(count)]


@pytest.mark.parametrize("channels", [12, 200])  # fewer and more features than scans
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_it_is_scikit_learns_logistic_regression_on_standardised_features(channels, classes):
    values, labels, _ = scans(channels=channels, classes=classes)
    probe = fit_probe(values, labels, np.ones(len(labels)), 0.02, classes)
    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=9999, tol=1e-9))
    expected = oracle.fit(values, labels).predict_proba(values)
    np.testing.assert_allclose(probe.probabilities(values), expected, atol=2e-5)


def test_a_scan_of_weight_two_counts_as_two_scans():
    values, labels, _ = scans()
    twice = np.concatenate([np.arange(len(labels)), [3, 8]])
    weights = np.ones(len(labels))
    weights[[3, 8]] = 2
    weighted = fit_probe(values, labels, weights, 0.1, 3)
    repeated = fit_probe(values[twice], labels[twice], np.ones(len(twice)), 0.1, 3)
    np.testing.assert_allclose(weighted.logits(values), repeated.logits(values), atol=1e-4)


def test_a_feature_that_never_changes_has_no_say():
    values, labels, _ = scans()
    values[:, 7] = 5.0
    probe = fit_probe(values, labels, np.ones(len(labels)), 0.1, 3)
    other = values.copy()
    other[:, 7] = 9.0
    np.testing.assert_allclose(probe.logits(other), probe.logits(values), atol=1e-9)


def test_classes_and_in_them_sources_weigh_alike():
    labels = np.array([0] * 50 + [1] * 10 + [0] * 2 + [1] * 8)
    sources = ["phantoms"] * 60 + ["people"] * 10
    weights = scan_weights(labels, sources)
    assert weights.mean() == pytest.approx(1)
    cells = {
        (label, source): weights[(labels == label) & (np.array(sources) == source)].sum()
        for label in (0, 1)
        for source in set(sources)
    }
    assert list(cells.values()) == pytest.approx([len(labels) / 4] * 4)


def test_predictions_out_of_fold_know_nothing_of_the_patient():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(30) % 2, 2)  # of pure noise, but both scans of a patient are one scan
    values = np.repeat(random.normal(size=(30, 400)), 2, axis=0)
    patients = [f"p{index // 2}" for index in range(60)]
    fit = cross_validate_probe(values, labels, patients, [""] * 60, classes=2)
    right = (fit.probabilities.argmax(1) == labels).mean()
    assert right < 0.75
    assert (fit.probe.probabilities(values).argmax(1) == labels).mean() > 0.95
    parted = cross_validate_probe(values, labels, [str(index) for index in range(60)], [""] * 60, classes=2)
    assert (parted.probabilities.argmax(1) == labels).mean() > 0.8  # so that the claim above can fail


def test_a_patient_has_no_say_in_the_strength_that_predicts_it_and_those_left_out_with_it():
    values, labels, patients = scans(count=60, channels=20, apart=4.0)
    other = values.copy()
    other[:2] = 1e3 * np.random.default_rng(1).normal(size=(2, 20))  # both scans of the first patient
    fits = [cross_validate_probe(given, labels, patients, [""] * 60, 3, 3) for given in (values, other)]
    unmoved = np.isclose(fits[0].probabilities, fits[1].probabilities, rtol=0, atol=1e-9).all(1)
    assert not unmoved[:2].any()
    assert unmoved.sum() == 18  # the other scans of its fold, a third of all
    assert fits[0].fold_strengths != fits[1].fold_strengths  # so that the claim above can fail


def test_classes_that_differ_are_told_apart_and_labels_without_meaning_are_not():
    values, labels, patients = scans(count=120, apart=4.0)
    fit = cross_validate_probe(values, labels, patients, [""] * 120, classes=3)
    assert (fit.probabilities.argmax(1) == labels).mean() > 0.8
    shuffled = np.repeat(np.random.default_rng(1).permutation(labels[::2]), 2)
    chance = cross_validate_probe(values, shuffled, patients, [""] * 120, classes=3)
    assert (chance.probabilities.argmax(1) == shuffled).mean() < 0.55


def test_the_strength_has_the_least_loss_and_noise_asks_for_a_small_one():
    values, labels, patients = scans(apart=0.0, channels=100)
    strengths = (1e-5, 1e-3, 1e1)
    fit = cross_validate_probe(values, labels, patients, [""] * 60, 3, strengths=strengths)
    assert fit.strength == min(fit.losses, key=fit.losses.__getitem__)
    assert set(fit.losses) == set(strengths)
    assert max(fit.fold_strengths) < 1e1
    clear = cross_validate_probe(*scans(apart=9.0, channels=5), [""] * 60, 3, strengths=strengths)
    assert clear.strength == 1e1


def test_a_class_of_two_patients_is_refused():
    values, labels, patients = scans(count=16)
    with pytest.raises(UserError, match="class 2 has scans of 2 patients; a probe needs those of 3"):
        cross_validate_probe(values, labels, patients, [""] * 16, classes=3)


def test_the_network_gives_the_probes_logits():
    values, labels, _ = scans()
    probe = fit_probe(values, labels, np.ones(len(labels)), 0.1, 3)
    network = EncoderProbe(nn.Identity(), channels=12, num_classes=3)
    probe.fill(network)
    found = network.classify(torch.from_numpy(values).float()).detach().numpy()
    np.testing.assert_allclose(found, probe.logits(values), atol=1e-4)


@pytest.mark.parametrize("folds", [2, 5])
def test_three_patients_a_class_are_enough(folds):
    values, labels, patients = scans(count=18)
    fit = cross_validate_probe(values, labels, patients, [""] * 18, classes=3, folds=folds)
    assert len(fit.fold_strengths) == 3
    np.testing.assert_allclose(fit.probabilities.sum(1), 1)


def test_what_calibrates_has_the_confidence_of_the_probe_and_knows_nothing_of_the_patient():
    values, labels, patients = scans(count=90, channels=20, apart=5.0)
    fit = cross_validate_probe(values, labels, patients, [""] * 90, 3, strengths=(1e-6, 0.5))
    assert fit.strength == 0.5
    for owner in ("p3", "p20"):
        own = np.array(patients) == owner
        others = fit_probe(values[~own], labels[~own], np.ones(88), 0.5, 3).probabilities(values[own])
        assert np.abs(fit.same_strength[own] - others).max() < 0.25  # fitted on fewer others than these
    assert fit.same_strength.max(1).mean() < fit.probe.probabilities(values).max(1).mean()
    alone = cross_validate_probe(values, labels, patients, [""] * 90, 3, strengths=(0.5,))
    np.testing.assert_array_equal(alone.same_strength, fit.same_strength)
