"""From `run inference` with the overlay to files on disk."""

import sys
from pathlib import Path

import nibabel
import pytest
from monai.bundle import ConfigWorkflow

from scripts import bundle_root
from scripts.delivery.dicom import DicomObjects, read_source
from scripts.delivery.dicom.pictures import draw_objects, frames_on_source
from scripts.errors import UserError
from scripts.phantoms import draw_phantom
from scripts.phantoms.dicom_series import write_dicom_series
from scripts.statistics import read_predictions

SHAPE = (24, 24, 16)


def test_inference_answers_a_series_in_dicom_and_says_in_a_line_why_not_another_scan(
    save_model, tmp_path, capsys
):
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("highdicom")
    phantom = draw_phantom(1, 2, shape=(64, 56, 40), orientation="LPS")
    write_dicom_series(phantom.hounsfield, phantom.affine, tmp_path / "series")
    nibabel.save(nibabel.Nifti1Image(phantom.hounsfield, phantom.affine), tmp_path / "scan.nii.gz")
    save_model(tmp_path / "model.pt", spatial_shape=list(SHAPE))
    configs = [str(Path(bundle_root(), "configs", f"{name}.yaml")) for name in ("inference", "dicom")]
    workflow = ConfigWorkflow(
        configs, workflow_type="inference", run_id="inference", logging_file=False, num_workers=0,
        scans=[str(tmp_path / "scan.nii.gz"), str(tmp_path / "series")], spatial_shape=list(SHAPE),
        ckpt_path=str(tmp_path / "model.pt"), output_dir=str(tmp_path / "out"),
    )  # fmt: skip
    workflow.initialize()
    workflow.run()
    printed = capsys.readouterr().out
    assert printed.count("no DICOM results for ") == 1 and "scan.nii.gz: not a folder of DICOM" in printed
    assert "DICOM results of 1 of 2 scans" in printed
    first, second = read_predictions(tmp_path / "out" / "predictions.csv")
    assert first["prob_covid_19"] == second["prob_covid_19"]
    folder = tmp_path / "out" / "dicom" / "0001_series"
    source = read_source(tmp_path / "series")
    heat = nibabel.load(tmp_path / "out" / second["heat_map"]).get_fdata()
    if heat.any():
        dataset = pydicom.dcmread(folder / "heat_map.dcm")
        difference = abs(frames_on_source(source, dataset)[1] - heat).max()
        assert 0 < difference <= 0.5 / 254 + 1e-6  # floats here, 255 steps in the NIfTI
    written = {path.name for path in draw_objects(source, folder, tmp_path / "pictures")}
    assert "report.txt" in written and len(written) == len(list(folder.iterdir()))
    assert second["prediction"] in (tmp_path / "pictures" / "report.txt").read_text()


def test_without_highdicom_the_run_ends_before_it_starts(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(UserError, match=r"pip install -r requirements-dicom.txt"):
        DicomObjects(tmp_path, "0.1.0")
