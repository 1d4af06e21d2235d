"""One object answers: for a path, a folder, a part of a zip or an array, alone or in a stream."""

import gc
import subprocess
import sys
import weakref
import zipfile
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from scan_writers import write_series

from scripts import bundle_root
from scripts.answering import Answer, Predictor
from scripts.errors import UserError
from scripts.explanation import AttentionMap, Occlusion
from scripts.networks import FlipInferer
from scripts.phantoms import draw_phantom


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """One phantom as a file, as a folder of DICOM slices, in a zip, and as an array."""
    folder = tmp_path_factory.mktemp("scan")
    phantom = draw_phantom(1, 2, shape=(48, 44, 30), orientation="LPS")
    hounsfield = phantom.hounsfield.clip(-1024)  # as 12 bits hold them
    nibabel.save(nibabel.Nifti1Image(hounsfield, phantom.affine), folder / "scan.nii.gz")
    write_series(folder / "series", hounsfield, phantom.affine)
    with zipfile.ZipFile(folder / "scans.zip", "w") as archive:
        for path in (folder / "series").iterdir():
            archive.write(path, f"inner/{path.name}")
    return {
        "file": folder / "scan.nii.gz",
        "folder": folder / "series",
        "zip": f"{folder / 'scans.zip'}::inner",
        "array": (hounsfield, phantom.affine),
    }


def values(answer):
    return list(answer.raw.values())


def test_the_package_offers_it():
    import scripts

    assert scripts.Predictor is Predictor


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_scan_has_one_answer_whatever_holds_it(kind, scan, predictor):
    expected, found = predictor(scan["file"]), predictor(scan[kind])
    assert values(found) == pytest.approx(values(expected), abs=1e-4)  # affines in text have fewer digits
    assert found.content_hash == expected.content_hash != ""


def test_an_array_with_its_affine_is_a_scan(scan, predictor):
    expected, found = predictor(scan["file"]), predictor(scan["array"])
    assert values(found) == pytest.approx(values(expected), abs=1e-6)
    assert found.content_hash == expected.content_hash and found.path == ""
    np.testing.assert_allclose(found.geometry.affine, scan["array"][1])


def test_an_answer_has_all_that_a_client_needs(scan, predictor):
    answer = predictor(scan["file"], explain=True)
    assert list(answer.probabilities) == list(answer.raw) == list(answer.classes) == predictor.classes
    assert sum(answer.probabilities.values()) == pytest.approx(1) and answer.probabilities == answer.raw
    assert answer.prediction == max(answer.raw, key=answer.raw.get) and not answer.abstain
    image = nibabel.load(scan["file"])
    assert answer.geometry.shape == image.shape == answer.explanation.array.shape
    np.testing.assert_allclose(answer.explanation.affine, image.affine)
    assert answer.explanation.array.dtype == np.float32 and answer.explanation.target == answer.prediction
    assert answer.lobes is None and answer.opacity is None


def test_a_refused_scan_has_a_reason_and_no_probabilities(predictor, tmp_path):
    answer = predictor(tmp_path / "gone.nii.gz", explain=True)
    assert answer.refusal == "not_found" and answer.reason.startswith("not_found: ")
    assert answer.abstain and answer.prediction == "" and answer.probabilities == answer.raw == {}
    assert answer.explanation is None and answer.lobes is None and answer.geometry is None


def test_a_mask_of_the_lobes_gives_their_opacity(predictor, lists):
    item = next(item for item in lists["test"] if item["label"] == 2)
    given = {**item, "name": "a", "position": 0, "refusal": {"code": "", "message": ""}}
    given["lobes"] = item["image"].replace("images", "lobes")
    given["image"] = predictor.model.preprocessing({"image": item["image"]})["image"]
    (answer,) = predictor.answers([given], torch.tensor([[0.1, 0.2, 0.7]]))
    assert [row["lobe"] for row in answer.opacity] == list({row["lobe"]: 0 for row in answer.opacity})
    assert all(row["volume_ml"] > 0 and row["heat_share"] is None for row in answer.opacity)


def test_explaining_on_demand_is_explaining_at_once(scan, predictor):
    at_once, later = predictor(scan["file"], explain=True), predictor(scan["file"])
    assert np.array_equal(at_once.explanation.array, later.explanation.array)
    assert at_once.explanation.heat_map.scale == later.explanation.heat_map.scale
    assert at_once.raw == later.raw and at_once.explanation.target == later.explanation.target


def test_a_method_of_heat_maps_gets_the_model_s_window_where_it_takes_one(save_model, checkpoint, tmp_path):
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16], window=[-700, 1000])
    assert Predictor(tmp_path / "model.pt", method=Occlusion).methods[0].fill == pytest.approx(0.35)
    assert Predictor(checkpoint, method=partial(AttentionMap, group=2)).methods[0].name == "attention_group_2"


def test_a_folder_of_several_scans_is_not_one_answer(lists, predictor):
    folder = Path(lists["test"][0]["image"]).parent
    with pytest.raises(UserError, match=r"holds 16 scans; ask for all of them with predict"):
        predictor(folder)


def test_batches_of_any_size_give_the_same_answers(lists, predictor):
    paths = [item["image"] for item in lists["test"]]
    one, three = (list(predictor.predict(paths, batch_size=size)) for size in (1, 3))
    assert [answer.name for answer in one] == [answer.name for answer in three]
    for first, second in zip(one, three, strict=True):
        assert values(first) == pytest.approx(values(second), abs=1e-5)


def test_no_scans_have_no_answers(predictor):
    assert list(predictor.predict([])) == []


def test_what_predict_holds_does_not_grow_with_the_number_of_scans(lists, predictor):
    """Each answer holds its grid: no more are alive than those of the batch at hand and of the one before."""
    paths, alive, most = [item["image"] for item in lists["training"]], [], 0
    for answer in predictor.predict(paths, batch_size=2):
        alive.append(weakref.ref(answer))
        assert isinstance(answer, Answer)
        del answer
        gc.collect()
        most = max(most, sum(one() is not None for one in alive))
    assert len(alive) == 8 and most <= 4


def test_an_inferer_of_the_user_s_own_goes_before_the_model_file_s(scan, checkpoint, predictor):
    flipped = Predictor(checkpoint, inferer=FlipInferer(axes=[2]))
    assert values(flipped(scan["file"])) != pytest.approx(values(predictor(scan["file"])), abs=1e-7)
    assert flipped.settings()["inferer"] == "FlipInferer"


@pytest.mark.parametrize("prior", [[0.5, 0.5, 0.5], [1.0, 0.0, 0.0], [0.9, 0.2, -0.1], [0.5, 0.5]])
def test_a_prior_is_a_positive_share_of_each_class(prior, checkpoint):
    with pytest.raises(UserError, match="expected a positive share of each of non-pneumonia"):
        Predictor(checkpoint, prior=prior)


def test_a_prior_needs_to_know_what_was_trained_with(save_model, tmp_path):
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16])
    with pytest.raises(UserError, match="does not say which shares of the classes it was trained with"):
        Predictor(tmp_path / "model.pt", prior=[0.4, 0.3, 0.3])


def test_a_prior_shifts_the_answer_but_not_what_is_above_its_threshold(
    save_model, calibration_record, tmp_path
):
    facts = {"calibration": calibration_record(1.5, threshold=0.4)}
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16], facts=facts)
    plain, rare = (Predictor(tmp_path / "model.pt", prior=prior) for prior in (None, [0.98, 0.01, 0.01]))
    raw = np.array([0.05, 0.05, 0.9])
    assert rare.calibrated(raw)[0][2] < plain.calibrated(raw)[0][2] / 2
    assert rare.calibrated(raw)[1] == plain.calibrated(raw)[1] == ("COVID-19",)


def test_a_prior_shifts_an_uncalibrated_answer_too(checkpoint, predictor):
    raw = np.array([0.2, 0.2, 0.6])
    weighted = raw * np.array([0.8, 0.1, 0.1]) / np.array([0.4, 0.3, 0.3])
    found, above = Predictor(checkpoint, prior=[0.8, 0.1, 0.1]).calibrated(raw)
    np.testing.assert_allclose(found, weighted / weighted.sum())
    assert above == ()


def test_a_model_whose_inferer_flips_is_answered_with_flips(save_model, scan, tmp_path, predictor):
    flips = {"test_time_inferer": {"_target_": "scripts.networks.FlipInferer", "axes": [2]}}
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16], **flips)
    own = Predictor(tmp_path / "model.pt")
    assert type(own.inferer) is FlipInferer
    assert values(own(scan["file"])) != pytest.approx(values(predictor(scan["file"])), abs=1e-7)


def test_an_answer_needs_neither_pandas_nor_jinja2(checkpoint, scan):
    """MONAI takes pandas where it finds it; here neither can be imported."""
    code = (
        "import sys; sys.modules['pandas'] = sys.modules['jinja2'] = None; from scripts import Predictor; "
        f"assert Predictor({str(checkpoint)!r})({str(scan['file'])!r}).prediction"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=bundle_root(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
