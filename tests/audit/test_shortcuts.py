import pytest
from feature_tables import cohort, masked

from scripts.audit.shortcuts import check_associations, check_probe


@pytest.fixture(autouse=True)
def few_shuffles(monkeypatch):
    monkeypatch.setattr("scripts.audit.shortcuts.SHUFFLES", 249)


CLASSES = ("non-pneumonia", "other pneumonia", "COVID-19")


def test_cc_ccii_s_masked_bodies_shout_in_table_and_probe():
    table, labels, patients = masked(330, seed=0)
    tables, probe = check_associations(table, labels, patients, CLASSES), check_probe(table, labels, patients)
    assert tables.status == probe.status == "failed"
    assert "masked_body" in tables.summary and probe.summary.startswith("SHORTCUT")
    shares = next(t for t in tables.tables if t.title.startswith("masked_body"))
    assert [row[0] for row in shares.rows] == ["no", "yes"]


def test_noise_passes_both():
    table, labels, patients = cohort(90, seed=4)
    assert check_associations(table, labels, patients, CLASSES).status == "passed"
    assert check_probe(table, labels, patients).status == "passed"


def test_a_shortcut_below_the_limit_warns_and_above_it_fails(monkeypatch):
    strong = cohort(300, seed=0, effect=3.0, features=6)
    assert check_probe(*strong).status == "failed"
    monkeypatch.setattr("scripts.audit.shortcuts.MUCH", 0.9)
    assert check_probe(*strong).status == "warning"


def test_one_class_or_a_handful_of_patients_is_skipped_with_the_reason():
    table, labels, patients = cohort(60, seed=0)
    assert check_associations(table, [1] * 60, patients, CLASSES).status == "skipped"
    few = {name: values[:12] for name, values in table.items()}
    assert "at least 10 patients" in check_probe(few, labels[:12], patients[:12]).summary
