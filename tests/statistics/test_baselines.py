import numpy as np
import pytest
from toy_run import predictions

from scripts.statistics import BASELINES, ScanFeatures, baseline_tables, compare

ITEMS = [
    {"name": f"{scan}.nii", "patient": f"p{scan // 2}", "label": scan // 2 % 3, "fold": scan // 2 // 3 % 5}
    for scan in range(120)
]
OPACITY = {0: 0.1, 1: 0.2, 2: 0.4}


def features(of=lambda item: OPACITY[item["label"]]):
    random = np.random.default_rng(0)
    return {
        item["name"]: ScanFeatures(tuple(random.normal(size=6)), (4 + random.normal(), of(item)), 2.0)
        for item in ITEMS
    }


def reported(items, folds=True):
    labels = np.array([item["label"] for item in items])
    names, patients = [item["name"] for item in items], [item["patient"] for item in items]
    own = {"fold": [item["fold"] for item in items]} if folds else {}
    return predictions(np.eye(3)[labels], labels, names, patients, **own)


def test_a_baseline_finds_what_its_numbers_hold_and_no_more():
    tables = baseline_tables(reported(ITEMS), ITEMS, features())
    accuracy = {name: (t.probabilities.argmax(1) == t.labels).mean() for name, t in tables.items()}
    assert set(tables) == set(BASELINES)
    assert accuracy["lung_volume_and_opacity"] == 1
    assert accuracy["header_and_geometry"] < 0.6 and accuracy["majority_class"] <= 0.4


def test_a_baseline_is_never_trained_on_the_patients_it_predicts():
    """Each patient's own header tells the label only to who has seen the patient."""
    own = {
        item["name"]: ScanFeatures((float(hash(item["patient"]) % 997),) * 6, (1.0, 0.0), 2.0)
        for item in ITEMS
    }
    seen = baseline_tables(reported(ITEMS, folds=False), ITEMS, own)
    assert seen == {}, "all training patients are reported: nothing is left to train on"
    table = baseline_tables(reported(ITEMS), ITEMS, own)["header_and_geometry"]
    assert (table.probabilities.argmax(1) == table.labels).mean() < 0.6


def test_without_measured_scans_only_the_majority_class_is_left():
    assert list(baseline_tables(reported(ITEMS), ITEMS, {})) == ["majority_class"]


def test_the_difference_is_paired_on_the_scans_that_the_baseline_predicted():
    measured = features()
    del measured["0.nii"]
    network = reported(ITEMS)
    baseline = baseline_tables(network, ITEMS, measured)["header_and_geometry"]
    found = compare(network, baseline)
    assert found["metrics"]["scans"] == len(ITEMS) - 1
    gain = found["network_minus_baseline_accuracy"]
    assert gain["value"] == pytest.approx(1 - found["metrics"]["accuracy"]["value"])
    assert gain["interval_95_percent"][0] < gain["value"] < gain["interval_95_percent"][1]


def test_a_patient_who_is_a_number_in_the_datalist_is_the_same_patient():
    items = [item | {"patient": int(item["patient"][1:])} for item in ITEMS]
    table = reported([item | {"patient": str(item["patient"])} for item in items], folds=False)
    assert baseline_tables(table, items, features()) == {}
