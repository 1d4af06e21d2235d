import numpy as np
import pytest

from scripts.errors import UserError
from scripts.features import (
    ADAPTATIONS,
    Features,
    domain_directions,
    fit_probe,
    probe_without_directions,
)
from scripts.features.transfer import leave_one_patient_out, main, transfer


def data_set(count, seed=0, shift=0.0, source="", apart=4.0):
    """Return features of three classes; `shift` moves them all along one direction that tells no class."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    values = random.normal(5, 1, (count, 25))
    values[np.arange(count), labels] += apart
    values[:, 9] += shift
    values[:, 0] -= shift / 2  # and makes the healthy look ill
    names = tuple(f"{source}{index}" for index in range(count))
    empty = ("",) * count
    return Features(values, labels, names, names, (source,) * count, empty, empty, empty, "small 0 float32")


def accuracy(probabilities, features):
    return (probabilities.argmax(1) == features.labels).mean()


def test_a_patients_own_scans_do_not_help_to_predict_them():
    features = data_set(30, apart=0.0)
    twice = features.subset(np.repeat(np.arange(30), 2))
    assert accuracy(leave_one_patient_out(twice, 10.0, 3), twice) < 0.6
    clear = data_set(60)
    assert accuracy(leave_one_patient_out(clear, 1e-2, 3), clear) > 0.9


def test_a_shift_between_data_sets_misleads_until_the_probe_is_adapted():
    source, target = data_set(90), data_set(60, seed=1, shift=12.0, source="people")
    found = {name: accuracy(transfer(source, target, 1e-3, name), target) for name in ADAPTATIONS}
    assert found["none"] < 0.75
    assert min(found["recentre"], found["2 directions"], found["coral"]) > 0.85


def test_adapting_never_looks_at_the_targets_labels():
    source, target = data_set(60), data_set(30, seed=1, shift=3.0)
    other = Features(**{**vars(target), "labels": target.labels[::-1].copy()})
    for name in ADAPTATIONS:
        np.testing.assert_array_equal(
            transfer(source, target, 1e-3, name, ill=0.5), transfer(source, other, 1e-3, name, ill=0.5)
        )


def test_a_probe_without_directions_is_the_probe_of_scans_without_them():
    source, target = data_set(60), data_set(30, seed=1, shift=3.0)

    def fit(values):
        return fit_probe(values, source.labels, np.ones(60), 1e-2, 3)

    plain = fit(source.values)
    np.testing.assert_allclose(
        probe_without_directions(fit, source.values, target.values, 0).probabilities(target.values),
        plain.probabilities(target.values),
        atol=1e-4,
    )
    probe = probe_without_directions(fit, source.values, target.values, 2)
    directions = domain_directions(*map(plain.standardised, (source.values, target.values)), 2)
    along = target.values + 50 * plain.scale * directions[:1]
    np.testing.assert_allclose(probe.logits(along), probe.logits(target.values), atol=1e-6)
    assert np.abs(plain.logits(along) - plain.logits(target.values)).max() > 1


def test_the_command_prints_a_table_of_scans_with_labels(tmp_path, capsys):
    source, target = data_set(30, source="phantoms"), data_set(12, seed=1, source="people")
    source.write(tmp_path / "source.npz")
    target.write(tmp_path / "target.npz")
    main([str(tmp_path / "target.npz"), "--source", str(tmp_path / "source.npz"), "--strengths", "0.01"])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0].strip("| ") for row in rows] == list(ADAPTATIONS)
    right = accuracy(transfer(source, target, 0.01, "none"), target) * 12
    assert rows[0][2] == f"{right:.0f} of 12"
    main([str(tmp_path / "target.npz"), "--strengths", "0.01", "0.1", "--ill_or_not"])
    assert len(capsys.readouterr().out.splitlines()) == 4
    unknown = Features(**{**vars(target), "labels": np.full(12, -1)})
    unknown.write(tmp_path / "unknown.npz")
    with pytest.raises(UserError, match=r"unknown\.npz: scans without labels"):
        main([str(tmp_path / "unknown.npz")])
