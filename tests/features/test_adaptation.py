import numpy as np
import pytest
from scipy.special import softmax

from scripts.errors import UserError
from scripts.features import (
    ADAPTATIONS,
    Features,
    adapted_probe,
    check_adaptation,
    coral,
    domain_directions,
    fit_probe,
    recalibrate,
    recentre,
    scan_weights,
    without_directions,
)


def world(count, shift=0.0, channels=30, seed=0):
    """Return features and labels; channel 0 tells the ill, channel 5 tells one world from another."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    values = random.normal(size=(count, channels))
    values[:, 0] += 3 * labels
    values[:, 5] += shift
    return values, labels


def probe_of(values, labels):
    return fit_probe(values, labels, scan_weights(labels, [""] * len(labels)), 0.01, 2)


def accuracy(probe, values, labels):
    return (probe.probabilities(values).argmax(1) == labels).mean()


def test_a_probe_that_leans_on_the_world_errs_elsewhere_until_it_is_recentred():
    values, labels = world(200)
    values[:, 5] += 3 * labels  # in this world channel 5 tells the ill as well
    probe = probe_of(values, labels)
    others, truth = world(200, shift=9.0, seed=1)
    others[:, 5] += 3 * truth
    assert accuracy(probe, others, truth) < 0.6
    assert accuracy(recentre(probe, others), others, truth) > 0.9


def test_the_direction_that_tells_two_worlds_apart_is_found_and_taken_out():
    source, target = world(300)[0], world(300, shift=6.0, seed=1)[0]
    directions = domain_directions(source, target, 2)
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-9)
    assert abs(directions[0, 5]) > 0.95
    left = [without_directions(values, directions) for values in (source, target)]
    assert abs(left[0].mean(0) - left[1].mean(0)).max() < 0.5
    np.testing.assert_allclose(left[0] @ directions.T, 0, atol=1e-9)


def test_taking_directions_out_of_the_weights_is_taking_them_out_of_the_scans():
    random = np.random.default_rng(0)
    standard, weight = random.normal(size=(9, 30)), random.normal(size=(3, 30))
    directions = np.linalg.qr(random.normal(size=(30, 4)))[0].T
    np.testing.assert_allclose(
        without_directions(standard, directions) @ weight.T,
        standard @ without_directions(weight, directions).T,
    )


def test_no_directions_change_nothing_and_too_many_are_refused():
    source, target = world(20)[0], world(20, seed=1)[0]
    np.testing.assert_array_equal(without_directions(source, domain_directions(source, target, 0)), source)
    with pytest.raises(UserError, match="count=30 directions of 30 features"):
        domain_directions(source, target, 30)


@pytest.mark.parametrize("counts", [(4000, 3000), (25, 20)])  # more and fewer scans than channels
def test_coral_gives_the_source_the_targets_mean_and_covariance(counts):
    random = np.random.default_rng(0)
    source = random.normal(size=(counts[0], 30)) @ (np.eye(30) + 0.1 * random.normal(size=(30, 30))) + 4
    target = random.normal(size=(counts[1], 30)) * np.linspace(1, 3, 30) - 2
    moved = coral(source, target)
    np.testing.assert_allclose(moved.mean(0), target.mean(0))
    if min(counts) > 30:
        scale = np.outer(target.std(0), target.std(0))
        np.testing.assert_allclose(np.cov(moved.T) / scale, np.cov(target.T) / scale, atol=0.15)
    else:
        spread = [values.std(0).mean() for values in (source, moved, target)]
        assert abs(spread[1] - spread[2]) < abs(spread[0] - spread[2])


def test_coral_of_scans_onto_themselves_changes_nothing():
    values = world(25)[0] * np.linspace(1, 3, 30)
    np.testing.assert_allclose(coral(values, values), values, atol=1e-9)


def test_recalibration_makes_the_stated_share_ill_and_keeps_the_order():
    values, labels = world(200)
    probe = probe_of(values, labels)
    others = world(150, seed=1)[0] + 1.0
    moved = recalibrate(probe, others, ill=0.2)
    assert moved.probabilities(others)[:, 1].mean() == pytest.approx(0.2, abs=1e-6)
    before, after = (p.probabilities(others)[:, 1] for p in (probe, moved))
    assert (np.argsort(before) == np.argsort(after)).all()
    with pytest.raises(UserError, match=r"ill=1\.0 is not a share"):
        recalibrate(probe, others, ill=1.0)


def features_of(values, labels, source=""):
    count = len(labels)
    texts = {key: tuple(f"{source}{k}" for k in range(count)) for key in ("name", "patient", "content_hash")}
    blank = ("",) * count
    return Features(
        values, labels, source=(source,) * count, flags=blank, refusal=blank, encoder="e", **texts
    )


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("adaptation", ADAPTATIONS)
def test_an_adapted_probe_says_ill_as_often_as_was_stated(adaptation, temperature):
    """After its calibration, which divides its logits."""
    source, target = features_of(*world(120)), world(60, shift=4.0, seed=1)[0]
    probe = adapted_probe(source, target, 0.01, 2, adaptation, ill=0.2, temperature=temperature)
    said = softmax(probe.logits(target) / temperature, axis=1)[:, 1]
    assert said.mean() == pytest.approx(0.2, abs=1e-6)


def test_ten_scans_are_needed_and_a_known_adaptation():
    source, target = features_of(*world(60)), world(9, seed=1)[0]
    with pytest.raises(UserError, match="9 scans to adapt to; 10 are needed"):
        adapted_probe(source, target, 0.01, 2, "recentre")
    for name in (None, "3 directions"):
        with pytest.raises(UserError, match="expected one of 'none', 'recentre'"):
            check_adaptation(name)
    with pytest.raises(UserError, match=r"ill=1\.2"):
        check_adaptation("coral", 1.2)
