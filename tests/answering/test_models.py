"""What answers together: an ensemble of any checkpoints that ask the same question."""

import numpy as np
import pytest
import torch

from scripts.answering import Predictor, load_model
from scripts.checkpoints import EnsembleFile, ModelFile, TaughtBy
from scripts.errors import UserError
from scripts.networks import FlipInferer

WHOLE = {"region": {"_target_": "scripts.transforms.WholeScanRegion"}}
MEMBERS = [  # another network, grid, window and region each, and one that shares the grid of the first
    {"spatial_shape": [24, 24, 16]},
    {"spatial_shape": [32, 24, 16], "window": [40, 400], "network_def::_target_": "scripts.networks.wa_66"},
    {"spatial_shape": [24, 24, 16], **WHOLE, "network_def::_target_": "scripts.networks.da_resnet18"},
    {"spatial_shape": [24, 24, 16], "network_def::_target_": "scripts.networks.sa_66_m"},
]


@pytest.fixture(scope="module")
def members(save_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    for number, override in enumerate(MEMBERS):
        save_model(folder / f"{number}.pt", seed=number, **override)
    return [folder / f"{number}.pt" for number in range(len(MEMBERS))]


@pytest.fixture(scope="module")
def scans(lists):
    return [item["image"] for item in lists["test"][:2]]


def raw(checkpoint, scans, **options):
    return np.array([list(answer.raw.values()) for answer in Predictor(checkpoint, **options).predict(scans)])


def test_each_member_keeps_its_own_grid_window_and_region(members, scans):
    """Oracle: each member's own probabilities, computed alone."""
    alone = [raw(member, scans) for member in members]
    np.testing.assert_allclose(raw(members, scans), np.mean(alone, axis=0), atol=1e-6)
    assert min(np.abs(one - alone[0]).max() for one in alone[1:]) > 1e-4
    model = load_model(members, torch.device("cpu"))
    assert len(model.windows) == 3 and model.network.grids == [0, 1, 2, 0]


def test_all_grids_of_an_ensemble_are_flipped_alike(members, scans):
    flips = {"inferer": FlipInferer(axes=[2, 4])}
    alone = [raw(member, scans, **flips) for member in members[:3]]
    np.testing.assert_allclose(raw(members[:3], scans, **flips), np.mean(alone, axis=0), atol=1e-6)


def test_a_refused_scan_is_refused_on_all_grids(members, tmp_path):
    (answer,) = Predictor(members).predict([tmp_path / "gone.nii.gz"])
    assert answer.refusal == "not_found"


def test_a_plain_list_is_not_calibrated_and_an_ensemble_file_has_its_own_calibration(
    members, scans, calibration_record, save_model, tmp_path
):
    facts = {"calibration": calibration_record(3.0)}
    paths = [tmp_path / "a.pt", tmp_path / "b.pt"]
    for seed, path in enumerate(paths):
        save_model(path, spatial_shape=[24, 24, 16], seed=seed, facts=facts)
    EnsembleFile.write(tmp_path / "ensemble.json", paths, calibration_record(1.5))
    listed, filed = Predictor(paths), Predictor(tmp_path / "ensemble.json")
    assert listed.model.calibration is None and filed.model.calibration.temperature == 1.5
    one, other = (next(iter(each.predict(scans[:1]))) for each in (listed, filed))
    assert one.probabilities == one.raw == other.raw
    rooted = np.array(list(other.raw.values())) ** (1 / 1.5)
    np.testing.assert_allclose(list(other.probabilities.values()), rooted / rooted.sum(), atol=1e-6)
    facts = filed.settings()["model"]
    assert facts["ensemble"] == str(tmp_path / "ensemble.json") and len(facts["members"]) == 2


def test_members_that_differ_in_classes_are_refused(members, save_model, tmp_path):
    classes = {"classes": {"0": "no finding", "1": "mild", "2": "severe"}}
    save_model(tmp_path / "severity.pt", spatial_shape=[24, 24, 16], **classes)
    with pytest.raises(
        UserError, match=r"severity\.pt: its classes are no finding, mild, severe; those of .*0\.pt"
    ):
        Predictor([members[0], tmp_path / "severity.pt"])


def test_a_member_whose_weights_were_replaced_is_refused(members, save_model, tmp_path):
    paths = [tmp_path / "a.pt", tmp_path / "b.pt"]
    for seed, path in enumerate(paths):
        save_model(path, spatial_shape=[24, 24, 16], seed=seed)
    EnsembleFile.write(tmp_path / "ensemble.json", paths)
    save_model(paths[1], spatial_shape=[24, 24, 16], seed=7)  # with a model file that fits
    with pytest.raises(UserError, match=r"b\.pt: has other weights than those that .*ensemble\.json names"):
        Predictor(tmp_path / "ensemble.json")
    assert Predictor(paths).classes


def test_no_checkpoint_at_all_is_said(tmp_path):
    with pytest.raises(UserError, match="no checkpoint is named"):
        Predictor([])


def test_an_ensemble_was_taught_by_the_scans_of_all_members_and_unknown_where_one_does_not_tell(
    save_model, tmp_path
):
    hashes = ["ab" * 32, "cd" * 32, "ef" * 32]
    taught = [
        TaughtBy(training=hashes[:1], validation=hashes[1:2]),
        TaughtBy(training=hashes[2:], validation=[]),
        None,
    ]
    paths = [tmp_path / f"{number}.pt" for number in range(3)]
    for path, one in zip(paths, taught, strict=True):
        save_model(path, spatial_shape=[24, 24, 16], facts={"taught_by": one})
    assert Predictor(paths[:2]).model.taught_by == set(hashes)
    assert Predictor(paths).model.taught_by is None


def test_members_of_other_grids_are_explained_together_each_map_on_its_own_grid(members, scans):
    """Oracle: the maps of the members alone, on the scan's voxels, averaged there."""
    together = next(iter(Predictor(members).predict(scans[:1], explain=True)))
    target = together.classes.index(together.explanation.target)
    alone = [
        next(iter(Predictor(path, explain_target=target).predict(scans[:1]))).explanation.array
        for path in members
    ]
    mean = np.mean(alone, axis=0)
    found = together.explanation.array
    assert 0.7 < found.max() <= 1, "a peak of the grid, between the scan's voxels"
    assert np.corrcoef(found.ravel(), mean.ravel())[0, 1] > 0.9
    assert together.explanation.slice_curve is None


def test_a_change_of_the_code_from_file_to_grid_is_recorded(save_model, tmp_path):
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16])
    assert (
        Predictor(tmp_path / "model.pt").settings()["model"]["members"][0]["preprocessing_changed"] is False
    )
    described = ModelFile.of(tmp_path / "model.pt")
    described.model_copy(update={"preprocessing_sha256": "ab" * 32}).write(tmp_path / "model.pt")
    assert Predictor(tmp_path / "model.pt").settings()["model"]["members"][0]["preprocessing_changed"] is True
