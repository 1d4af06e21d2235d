"""Alarms without a cause: `pytest -m slow -s tests/audit/test_false_alarms.py`.

Phantoms are drawn and measured once. A clean cohort is some of their patients, the labels dealt anew among
them, so that nothing which the audit looks at can go with the class. `PHANTOMS=FOLDER` keeps the phantoms.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from scripts.audit.auditing import check_scans
from scripts.audit.features import feature_table, subjects
from scripts.audit.findings import FAILED, WARNING
from scripts.audit.gathering import measure_items
from scripts.audit.lists import place_items
from scripts.audit.shortcuts import check_associations, check_probe
from scripts.datalists import CLASSES
from scripts.datalists.reading import read_datalist
from scripts.phantoms import write_data_set

pytestmark = pytest.mark.slow
COUNT = 360
COHORTS = 300  # of each size


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = Path(os.environ.get("PHANTOMS") or tmp_path_factory.mktemp("clean"))
    datalist = write_data_set(folder, count=COUNT, seed=901, shape=(64, 64, 48), workers=1)
    items = place_items(read_datalist(datalist))
    return items, measure_items(items, path=folder / "audit.sqlite")


def told(name, count, total):
    span = binomtest(count, total).proportion_ci(method="exact")
    print(
        f"{name}: {count} of {total} = {count / total:.3f}, 95 % interval {span.low:.3f} to {span.high:.3f}"
    )


def test_the_phantoms_with_their_own_lesions_pass_every_check(measured):
    """What a lesion does to the lungs leaves no trace outside them, in as many scans as there are."""
    findings = check_scans(*measured, CLASSES)
    print(*(f"\n{finding.status} {finding.check}: {finding.summary}" for finding in findings))
    assert {finding.status for finding in findings} == {"passed"}


def clean_cohort(features, labels, patients, size, seed):
    """Return features, labels and patients of some of the scans, the labels dealt anew between patients."""
    random = np.random.default_rng([size, seed])
    people, first = np.unique(patients, return_index=True)
    dealt = dict(zip(people, random.permutation(labels[first]), strict=True))
    rows = np.flatnonzero(np.isin(patients, random.permutation(people)[: round(size * 5 / 6)]))
    cohort = {name: [values[k] for k in rows] for name, values in features.items()}
    return cohort, [int(dealt[patient]) for patient in patients[rows]], patients[rows].tolist()


def alarms(cohort):
    """Tell whether tables, probe, and either of them cry, whether there is a probe, and it holds chance."""
    tables, probe = check_associations(*cohort, ("a", "b", "c")), check_probe(*cohort)
    cries = [finding.status in (WARNING, FAILED) for finding in (tables, probe)]
    low, high = probe.numbers.get("auc", {}).get(
        "interval_95_percent", (1, 0)
    )  # none where a class has too few patients
    return (*cries, any(cries), low <= high, low <= 0.5 <= high)


@pytest.mark.parametrize("size", [60, 150])
def test_one_clean_cohort_in_a_hundred_raises_an_alarm_and_intervals_hold_chance(measured, size):
    """The other checks look at scans one by one or in pairs: a part of what passed them passes too."""
    features = feature_table(*measured)
    labels, patients = map(np.array, subjects(measured[0]))
    rows = [alarms(clean_cohort(features, labels, patients, size, seed)) for seed in range(COHORTS)]
    *cries, probed, inside = np.sum(rows, axis=0).tolist()
    print()
    for name, count in zip(("class_tables", "shortcut_probe", "the verdict"), cries, strict=True):
        told(f"{size} scans, alarms of {name}", count, COHORTS)
        assert binomtest(count, COHORTS, 0.01, alternative="greater").pvalue > 0.01
    told(f"{size} scans, intervals that hold 0.5", inside, probed)
    assert inside / probed >= 0.9
