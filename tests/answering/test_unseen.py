"""A network is never tested on the scans that taught it, whatever their files are called."""

import json
import shutil

import nibabel
import numpy as np
import pytest
from monai.bundle import ConfigWorkflow
from scan_writers import write_series, write_zip
from toy_answers import NAMES

from scripts import bundle_root
from scripts.answering import Predictor, check_unseen
from scripts.checkpoints import ModelFile, TaughtBy
from scripts.errors import UserError, user_error_behind
from scripts.scans import read_checked_scan
from scripts.transforms import ScanDataset


@pytest.fixture(scope="module")
def predictor(trained):
    return Predictor(trained / "model.pt")


def check(predictor, paths, **options):
    items = [{"image": str(path), "name": f"scan {number}"} for number, path in enumerate(paths)]
    return check_unseen(
        predictor, ScanDataset(items, predictor.model.preprocessing, keep_refused=True), **options
    )


def renamed(path, folder):
    return shutil.copy(path, folder / "another_name.nii.gz")


def turned(path, folder):
    image = nibabel.load(path)
    axes = nibabel.orientations.axcodes2ornt("PIR")
    turn = nibabel.orientations.ornt_transform(nibabel.io_orientation(image.affine), axes)
    nibabel.save(image.as_reoriented(turn), folder / "turned.nii")
    return folder / "turned.nii"


@pytest.mark.parametrize("change", [renamed, turned])
@pytest.mark.parametrize("part", ["training", "validation"])
def test_the_same_voxels_are_found_under_another_name(change, part, predictor, lists, tmp_path):
    scan = change(lists[part][0]["image"], tmp_path)
    with pytest.raises(UserError, match=r"1 of 2 scans trained or selected the model \(scan 1\): metrics on"):
        check(predictor, [lists["test"][0]["image"], scan])


def test_they_are_found_as_dicom_in_a_zip(save_model, lists, tmp_path):
    image = nibabel.load(lists["training"][0]["image"])
    voxels = np.asarray(image.dataobj).astype(np.int16).clip(-1024)  # as 12 bits hold them
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine), tmp_path / "scan.nii.gz")
    seen = read_checked_scan(tmp_path / "scan.nii.gz")[0].content_hash
    taught = TaughtBy(training=[seen], validation=[])
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16], facts={"taught_by": taught})
    archive = write_zip(tmp_path / "scans.zip", write_series(tmp_path / "series", voxels, image.affine))
    with pytest.raises(UserError, match=r"1 of 1 scans trained or selected"):
        check(Predictor(tmp_path / "model.pt"), [archive])


def test_scans_that_did_not_teach_it_pass_and_a_refused_one_is_none_of_them(predictor, lists, tmp_path):
    paths = [*(item["image"] for item in lists["test"]), tmp_path / "gone.nii.gz"]
    assert check(predictor, paths) == "none of the scans trained or selected the model"


def test_who_answers_for_it_goes_on_and_the_outputs_say_so(predictor, lists):
    paths = [item["image"] for item in lists["validation"]]
    with pytest.raises(UserError, match="--audit_override \"\\['trained_on'\\]\""):
        check(predictor, paths, override=["patient_overlap"])
    for override in ("trained_on", ["patient_overlap", "trained_on"]):
        said = check(predictor, paths, override=override)
        assert said.startswith(f"{len(paths)} of {len(paths)} scans trained or selected the model")
        assert said.endswith("answered for by --audit_override trained_on")


def test_a_model_file_that_withholds_its_scans_leaves_them_unchecked_and_says_so(
    trained, lists, tmp_path, capsys
):
    shutil.copy(trained / "model.pt", tmp_path / "model.pt")
    ModelFile.of(trained / "model.pt").model_copy(update={"taught_by": None}).write(tmp_path / "model.pt")
    said = check(Predictor(tmp_path / "model.pt"), [lists["training"][0]["image"]])
    assert said == "not checked: the model file does not tell which scans taught it"
    assert said in capsys.readouterr().out


def test_evaluation_stops_at_such_a_scan_before_it_writes_metrics(trained, lists, tmp_path):
    moved = renamed(lists["training"][0]["image"], tmp_path)
    label = lists["training"][0]["label"]
    test = [{"image": str(moved), "label": label, "patient": "somebody else"}, lists["test"][0]]
    test = [{key: item[key] for key in ("image", "label", "patient")} for item in test]
    content = {"name": "x", "classes": NAMES, "training": [], "validation": [], "test": test}
    (tmp_path / "datalist.json").write_text(json.dumps(content))

    def evaluate(**options):
        workflow = ConfigWorkflow(
            [f"{bundle_root()}/configs/{name}.yaml" for name in ("train", "evaluate", "external")],
            run_id="evaluation", workflow_type="train", logging_file=False, dataset_dir=str(tmp_path),
            ckpt_path=str(trained / "model.pt"), output_dir=str(tmp_path / "out"), report=False,
            num_workers=0, **options,
        )  # fmt: skip
        workflow.initialize()
        workflow.run()

    with pytest.raises(RuntimeError) as stopped:
        evaluate()
    assert "1 of 2 scans trained or selected the model" in str(user_error_behind(stopped.value))
    assert not (tmp_path / "out" / "metrics.json").exists()
    evaluate(audit_override=["trained_on"])
    settings = json.loads((tmp_path / "out" / "predictions.json").read_text())["settings"]
    assert "answered for by --audit_override trained_on" in settings["scans_seen_in_training"]
