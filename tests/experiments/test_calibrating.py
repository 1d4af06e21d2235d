"""The calibrating step on a folder of a cross-validation whose predictions are seeded noise."""

import numpy as np
import pytest
from toy_run import (
    NAMES,
    answers,
    predictions,
    toy_datalist,
    write_answers,
    write_toy_model,
    write_toy_run,
)

from scripts.checkpoints import EnsembleFile, ModelFile
from scripts.experiments.cross_validation import apply_calibration, calibrate_cross_validation
from scripts.statistics import read_table

TABLES = (
    "validation.csv",
    "held_out.csv",
    "test.csv",
    "test_flipped.csv",
    "folds/0/held_out.csv",
    "folds/3/test.csv",
)


@pytest.fixture
def folder(tmp_path):
    write_toy_run(tmp_path / "run", toy_datalist(210))
    return tmp_path / "run"


def test_what_the_networks_said_stays_and_calibrated_probabilities_stand_beside_it(folder):
    before = {name: read_table(folder / name, NAMES) for name in TABLES}
    fitted = calibrate_cross_validation(folder, NAMES)
    assert set(fitted) == {None, 0, 1, 2, 3, 4}
    for name, raw in before.items():
        after = read_table(folder / name, NAMES)
        np.testing.assert_allclose(after.raw, raw.probabilities, rtol=1e-8)
        own = fitted[int(name.split("/")[1])] if "/" in name else fitted[None]
        if name != "held_out.csv":
            np.testing.assert_allclose(after.probabilities, own.apply(after.raw), rtol=1e-7)
    pooled = read_table(folder / "held_out.csv", NAMES)
    for fold in range(5):
        rows = pooled.folds == fold
        np.testing.assert_allclose(
            pooled.probabilities[rows], fitted[fold].apply(pooled.raw[rows]), rtol=1e-7
        )


def test_done_twice_it_gives_the_same(folder):
    first = calibrate_cross_validation(folder, NAMES)
    texts = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert calibrate_cross_validation(folder, NAMES) == first
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == texts


def test_model_files_and_the_ensemble_s_keep_what_was_fitted_and_no_path(folder):
    fitted = calibrate_cross_validation(folder, NAMES)
    for fold in range(5):
        found = ModelFile.of(folder / "folds" / str(fold) / "model.pt")
        assert found.calibration.calibration() == fitted[fold]
        assert found.calibration.training_prior == [0.4, 0.3, 0.3]
    ensemble = EnsembleFile.read(folder / "ensemble.json")
    assert ensemble.calibration.calibration() == fitted[None] and ensemble.classes == NAMES
    assert [path.parent.name for path in ensemble.checkpoints(folder / "ensemble.json")] == list("01234")
    assert str(folder) not in (folder / "ensemble.json").read_text()
    assert str(folder) not in (folder / "folds/0/model.json").read_text()


def test_without_scans_that_select_nothing_is_fitted_and_the_networks_words_stand(folder):
    for path in folder.rglob("validation.csv"):
        path.unlink()
    before = read_table(folder / "test.csv", NAMES).probabilities
    assert calibrate_cross_validation(folder, NAMES) == {}
    after = read_table(folder / "test.csv", NAMES)
    np.testing.assert_allclose(after.probabilities, before)
    np.testing.assert_allclose(after.raw, before)
    assert EnsembleFile.read(folder / "ensemble.json").calibration is None


def test_a_second_data_set_is_calibrated_as_the_ensemble_is(folder):
    elsewhere = predictions([[0.1, 0.2, 0.7]], [2])
    fitted = calibrate_cross_validation(folder, NAMES)[None]
    found = apply_calibration(elsewhere, folder)
    np.testing.assert_allclose(found.probabilities, fitted.apply(np.array([[0.1, 0.2, 0.7]])))
    np.testing.assert_allclose(found.raw, [[0.1, 0.2, 0.7]])


@pytest.mark.parametrize("names", [["healthy", "ill"], ["none", "mild", "moderate", "severe"]])
def test_any_number_of_classes_is_calibrated(names, tmp_path):
    items = [
        {"image": f"{scan}.nii", "patient": f"p{scan}", "label": scan % len(names)} for scan in range(60)
    ]
    write_toy_model(tmp_path / "folds/0/model.pt", names, [1 / len(names)] * len(names))
    for name in ("validation.csv", "test.csv", "folds/0/validation.csv"):
        write_answers(tmp_path / name, items, answers(items, classes=len(names)), names=names)
    fitted = calibrate_cross_validation(tmp_path, names)
    assert fitted[None].class_names == names and fitted[None].temperature > 1
    assert read_table(tmp_path / "test.csv", names).raw.shape == (60, len(names))
