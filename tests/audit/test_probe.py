import numpy as np
import pytest
from feature_tables import cohort, masked
from sklearn.linear_model import Ridge

from scripts.audit.features import encode
from scripts.audit.probe import PENALTY, _ridge, probe_shortcuts


def probe(table, labels, patients, shuffles=199):
    return probe_shortcuts(encode(table), labels, patients, shuffles)


def test_a_shortcut_is_found_sized_and_named():
    found = probe(*cohort(240, seed=0, effect=1.5))
    assert found.p_value == 1 / 200 and 0.5 < found.interval[0] < found.auc < found.interval[1]
    assert max(found.alone, key=lambda name: found.alone[name][0]) == "x0"
    assert max(found.importance, key=found.importance.get) == "x0"


def test_the_classifier_is_scikit_learn_s_ridge():
    table, labels, _ = cohort(60, seed=0)
    matrix, wanted = encode(table).matrix, np.eye(3, dtype=np.float32)[labels]
    slopes, level = _ridge(matrix, wanted)
    expected = Ridge(alpha=PENALTY).fit(matrix, wanted).predict(matrix)
    np.testing.assert_allclose(matrix @ slopes + level, expected, atol=1e-5)


def test_noise_is_no_shortcut():
    found = probe(*cohort(150, seed=0))
    assert found.p_value > 0.05 and found.interval[0] < 0.5 < found.interval[1]


def test_a_feature_that_tells_all_has_an_auc_of_1():
    table, labels, patients = cohort(120, seed=1, features=2)
    table["source"] = [f"hospital {label}" for label in labels]
    found = probe(table, labels, patients)
    assert found.alone["source"] == (1.0, 1.0, 1.0) and found.auc > 0.99 and found.accuracy > 0.98


def test_bodies_masked_as_in_cc_ccii_are_a_shortcut():
    table, labels, patients = masked(330, seed=0)
    found = probe(table, labels, patients)
    assert found.interval[0] > 0.55 and found.p_value == 1 / 200
    assert max(found.importance, key=found.importance.get) == "masked_body"


def test_a_patient_s_other_scan_does_not_help():
    """Each patient has a fingerprint, alike in both scans: with patients kept together it tells nothing."""
    random = np.random.default_rng(0)
    owner = np.repeat(np.arange(60), 2)
    table = {f"x{k}": [f"{word}" for word in random.integers(8, size=60)[owner]] for k in range(12)}
    found = probe(table, random.permutation(60)[owner] % 3, [f"p{k}" for k in owner])
    assert found.p_value > 0.01 and found.auc < 0.65


def test_the_answer_does_not_depend_on_the_chunks(monkeypatch):
    before = probe(*cohort(60, seed=2), shuffles=49)
    monkeypatch.setattr("scripts.audit.probe.CHUNK", 30)
    after = probe(*cohort(60, seed=2), shuffles=49)
    assert before.p_value == after.p_value and before.interval == pytest.approx(after.interval, abs=1e-3)
