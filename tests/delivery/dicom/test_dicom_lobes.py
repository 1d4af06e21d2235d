"""Lobes on their way into a segmentation: numbered by another program, found by the network, or wrong."""

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from scripts.answering import Predictor
from scripts.delivery.dicom import DicomObjects, read_source
from scripts.delivery.dicom.__main__ import main
from scripts.delivery.dicom.pictures import frames_on_source
from scripts.delivery.dicom.segmentation import lobes_on_source
from scripts.errors import UserError
from scripts.lobes import LABEL_TABLES, LOBES, LobeMap, pack_lobes
from scripts.networks import weights_hash
from scripts.phantoms import draw_phantom
from scripts.phantoms.dicom_series import write_dicom_series
from scripts.scans import Scan

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")


@pytest.fixture(scope="module")
def chest(tmp_path_factory):
    """A phantom, its DICOM series, and its lobes as each program would number them, stored in RAS."""
    folder = tmp_path_factory.mktemp("chest")
    phantom = draw_phantom(1, 2, shape=(48, 40, 30), orientation="LPS")
    write_dicom_series(phantom.hounsfield, phantom.affine, folder / "series")
    for table, numbers in LABEL_TABLES.items():
        labels = np.array([0, *(numbers.lobes[name] for name in LOBES)], np.uint8)[phantom.lobes]
        image = nibabel.as_closest_canonical(nibabel.Nifti1Image(labels, phantom.affine))
        nibabel.save(image, folder / f"{table}.nii.gz")
    return folder, phantom


@pytest.fixture
def run(chest, tmp_path):
    """Write the segmentation of a mask by the command line; read it back."""

    def write(mask, *options):
        series, output = ("--series", str(chest[0] / "series")), ("--output", str(tmp_path / "lobes.dcm"))
        main([*series, *output, "--lobes", str(chest[0] / f"{mask}.nii.gz"), *map(str, options)])
        return pydicom.dcmread(tmp_path / "lobes.dcm")

    return write


def by_name(dataset, source):
    """Return the voxels of each segment by its label."""
    volumes = frames_on_source(source, dataset)
    return {str(one.SegmentLabel): volumes[int(one.SegmentNumber)] for one in dataset.SegmentSequence}


@pytest.mark.parametrize("table", LABEL_TABLES)
def test_masks_of_any_numbering_give_the_same_named_lobes(chest, run, table):
    folder, phantom = chest
    segments = by_name(run(table, "--labels", table), read_source(folder / "series"))
    for label, name in enumerate(LOBES, 1):
        np.testing.assert_array_equal(segments[f"{name} lobe"], phantom.lobes == label, err_msg=name)


@pytest.mark.parametrize(
    ("made_by", "said", "message"),
    [
        ("totalsegmentator", "bundle", r"values from 0 to 14; lobe labels of 'bundle'"),
        ("totalsegmentator_v1", "totalsegmentator", "cannot be a patient's lobes .*missing_lobe_left_upper"),
        ("totalsegmentator", "totalsegmentator_v1", "cannot be a patient's lobes .*missing_lobe_right_upper"),
        ("bundle", "totalsegmentator", "cannot be a patient's lobes .*missing_lobe_right_lower"),
    ],
)
def test_lobes_numbered_otherwise_than_said_are_refused(run, made_by, said, message):
    with pytest.raises(UserError, match=message):
        run(made_by, "--labels", said)


def test_a_numbering_that_no_table_has_is_refused_by_where_its_lobes_lie(chest):
    folder, phantom = chest
    source, own = read_source(folder / "series"), Scan.from_array(phantom.lobes, phantom.affine)
    right_first = np.array([0, 4, 5, 1, 2, 3], np.uint8)[own.voxels]
    with pytest.raises(UserError, match="left_right_swapped"):
        lobes_on_source(source, LobeMap(right_first, own.affine))
    lower_first = np.array([0, 2, 1, 5, 4, 3], np.uint8)[own.voxels]
    with pytest.raises(UserError, match="upside_down"):
        lobes_on_source(source, LobeMap(lower_first, own.affine))


def test_segments_name_the_lobe_network_by_its_weights_and_a_mask_s_maker_as_unknown(
    run, save_model, tmp_path
):
    small = {"network_def::channels": [4, 8], "network_def::residual_units": 0, "spatial_shape": [24, 16, 20]}
    save_model(tmp_path / "lobe_model.pt", base="inference_lobes.yaml", **small)
    sha256 = weights_hash(tmp_path / "lobe_model.pt")
    found = run("bundle", "--lobe_ckpt_path", tmp_path / "lobe_model.pt")
    given = run("bundle")
    for segment in found.SegmentSequence:
        (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
        assert algorithm.AlgorithmName == segment.SegmentAlgorithmName == "Chest CT lobes"
        assert algorithm.AlgorithmVersion == found.SoftwareVersions != "unknown"
        assert algorithm.AlgorithmParameters == f"network=LobeUNet,weights SHA-256={sha256}"
    for segment in given.SegmentSequence:
        (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
        assert algorithm.AlgorithmName == "Lobe mask made elsewhere"
        assert algorithm.AlgorithmVersion == "unknown" and "AlgorithmParameters" not in algorithm
    assert found.DeviceSerialNumber == sha256[:16]


def test_a_checkpoint_of_another_network_is_not_named(run, tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"model\.pt"):
        run("bundle", "--lobe_ckpt_path", tmp_path / "model.pt")


@pytest.fixture
def answered(chest, save_model, tmp_path):
    """Write an item's results as `run inference` does; return the folder, and what its objects are."""
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16])
    predictor = Predictor(tmp_path / "model.pt", lobe_labels="totalsegmentator")
    sink = DicomObjects(tmp_path, "0.1.0")
    folder, phantom = chest

    def write(packed="", **entries):
        meta = {
            "path": str(folder / "series"), "series": "", "lobes": packed, "flags": "", "intensity": "HU",
            "original_shape": torch.tensor(phantom.lobes.shape),
            "original_affine": torch.from_numpy(phantom.affine),
        }  # fmt: skip
        item = {"image": MetaTensor(torch.zeros(1, 4, 3, 2), meta=meta), "name": "series", "position": 0}
        item |= {"refusal": {"code": "", "message": ""}, **entries}
        sink.start(predictor)
        for answer in predictor.answers([item], torch.tensor([[0.1, 0.2, 0.7]])):
            sink.take(answer)
        return {path.stem: pydicom.dcmread(path) for path in (tmp_path / "dicom").rglob("*.dcm")}

    return write


def test_inference_converts_the_datalist_s_mask(chest, answered):
    folder, phantom = chest
    segments = by_name(
        answered(lobes=str(folder / "totalsegmentator.nii.gz"))["lobes"], read_source(folder / "series")
    )
    for label, name in enumerate(LOBES, 1):
        np.testing.assert_array_equal(segments[f"{name} lobe"], phantom.lobes == label, err_msg=name)


def test_a_mask_in_another_numbering_costs_the_lobes_but_not_the_report(chest, answered, capsys):
    objects = answered(lobes=str(chest[0] / "totalsegmentator_v1.nii.gz"))
    assert set(objects) == {"report"}
    assert capsys.readouterr().out.startswith("no DICOM lobes for ")


def test_the_network_s_lobes_come_back_on_the_series_voxels_with_its_hash(chest, answered):
    folder, phantom = chest
    own = Scan.from_array(phantom.lobes, phantom.affine)
    lobes = LobeMap(own.voxels, own.affine, weights="cd" * 32)
    dataset = answered(packed=pack_lobes(lobes))["lobes"]
    segments = by_name(dataset, read_source(folder / "series"))
    for label, name in enumerate(LOBES, 1):
        np.testing.assert_array_equal(segments[f"{name} lobe"], phantom.lobes == label, err_msg=name)
    (algorithm,) = dataset.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence
    assert "cd" * 32 in algorithm.AlgorithmParameters


def test_labels_of_larger_voxels_follow_the_series(chest):
    """Oracle: the larger voxels cut into eight, of which interpolation may change those at a border."""
    folder, phantom = chest
    own = Scan.from_array(phantom.lobes, phantom.affine)
    twice = np.diag([2.0, 2.0, 2.0, 1.0])
    twice[:3, 3] = 0.5
    coarse = LobeMap(own.voxels[::2, ::2, ::2], own.affine @ twice, weights="cd" * 32)
    blocks = nibabel.Nifti1Image(np.kron(coarse.labels, np.ones((2, 2, 2), np.uint8)), own.affine)
    turn = nibabel.orientations.axcodes2ornt("LPS")
    expected = np.asarray(blocks.as_reoriented(turn).dataobj)
    found = lobes_on_source(read_source(folder / "series"), coarse)
    assert found.shape == expected.shape and np.mean(found == expected) > 0.95
    assert np.mean(found[::-1] == expected) < 0.9
