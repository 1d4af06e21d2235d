"""No header field that identifies a patient leaves a run, whether its scan is answered or refused."""

import hashlib
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from monai.bundle import ConfigWorkflow
from scan_writers import write_series
from toy_chest import chest

from scripts.answering import fail_if_refused
from scripts.statistics import read_predictions

pytest.importorskip("SimpleITK")
pytest.importorskip("pydicom")

CONFIG = Path(__file__).parents[1] / "configs" / "inference.yaml"
SECRETS = {
    "PatientName": "Zweistein^Alberta",
    "PatientID": "GEHEIM-4711",
    "PatientBirthDate": "19010203",
    "AccessionNumber": "ACC-99887",
    "InstitutionName": "Spital Unterland",
    "ReferringPhysicianName": "Doktorin^Eisen",
    "StudyInstanceUID": "1.2.77.88.99",
    "SeriesInstanceUID": "1.2.66.55.44",
    "SeriesDescription": "Zweistein Thorax",
}
HASHES = ("md5", "sha1", "sha256", "sha512")  # that anybody can make of an id
OF_THE_STUDY = {  # what a result needs, to be filed where its series is
    "PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "ReferringPhysicianName",
    "StudyInstanceUID", "SeriesInstanceUID",
}  # fmt: skip
OF_ANOTHER = {"SeriesInstanceUID": "1.2.66.55.45", "SeriesNumber": 2}


def inputs(folder):
    """Write a good series, and one for each way in which a header is compared, listed or damaged."""
    array, affine = chest((6.0, 5.4, 8.0))
    for name in ("good", "good_too", "two_patients", "two_series", "cut_header", "not_a_number"):
        write_series(folder / name, array, affine, **SECRETS)
    write_series(folder / "another_s", array, affine, **SECRETS | {"PatientID": "GEHEIM-4712"})
    write_series(folder / "nobody_s", array, affine, **SECRETS | {"PatientID": ""})
    write_series(folder / "two_patients", array, affine, **SECRETS | {"PatientID": "GEHEIM-4712"}, keep=[3])
    write_series(folder / "two_series", array, affine, **SECRETS | OF_ANOTHER)
    for file in (folder / "cut_header").iterdir():
        file.write_bytes(file.read_bytes()[:700])
    for file in (folder / "not_a_number").iterdir():
        file.write_bytes(file.read_bytes().replace(b"-1024", b"ZWEI5"))


def secrets_in(shown):
    words = {part for secret in SECRETS.values() for part in (secret, *secret.split("^"))}
    hashes = {hashlib.new(kind, SECRETS["PatientID"].encode()).hexdigest()[:16] for kind in HASHES}
    return {word for word in words | hashes | {"GEHEIM", "1.2.66.55", "ZWEI5"} if word in shown}


def test_no_identity_reaches_outputs_messages_or_logs(save_model, tmp_path, caplog, capfd):
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    inputs(scans)
    save_model(tmp_path / "model.pt", spatial_shape=[32, 32, 24])
    workflow = ConfigWorkflow(
        str(CONFIG),
        workflow_type="inference",
        logging_file=False,
        scans=[str(scans)],
        output_dir=str(out),
        ckpt_path=str(tmp_path / "model.pt"),
        spatial_shape=[32, 32, 24],
        num_workers=0,
    )
    with caplog.at_level(logging.DEBUG):
        workflow.initialize()
        workflow.evaluator.run()
        with pytest.raises(SystemExit):
            fail_if_refused(out)
    rows = {row["image"].removeprefix("scans/"): row for row in read_predictions(out / "predictions.csv")}
    codes = {name: row["reason"].partition(":")[0] for name, row in rows.items()}
    assert codes["good"] == codes["nobody_s"] == rows["nobody_s"]["patient"] == ""
    keys = [rows[name]["patient"] for name in ("good", "good_too", "another_s")]
    assert keys[0] == keys[1] != keys[2] and len(set(map(len, keys))) == 1
    assert (codes["two_patients"], codes["two_series"]) == ("several_patients", "several_series")
    assert all(codes[name] for name in ("cut_header", "not_a_number"))
    printed = capfd.readouterr()
    texts = [file.read_text(errors="replace") for file in out.rglob("*") if file.is_file()]
    assert not secrets_in("\n".join([*texts, caplog.text, printed.out, printed.err]))
    assert str(scans) not in "\n".join(texts)  # the folder itself is not shown, only what is in it


def test_no_identity_reaches_a_training_its_curves_or_its_cache(run_config, small, tmp_path, caplog, capfd):
    pytest.importorskip("tensorboard")
    array, affine = chest((6.0, 5.4, 8.0))
    items = []
    for number in range(6):
        write_series(tmp_path / "data" / f"s{number}", array + np.int16(number), affine, **SECRETS)
        items.append({"image": f"s{number}", "label": number % 3, "patient": f"p{number}"})
    lists = {"name": "toy", "training": items[:3], "validation": items[3:]}
    (tmp_path / "data" / "datalist.json").write_text(json.dumps(lists))
    places = {"dataset_dir": str(tmp_path / "data"), "output_dir": str(tmp_path / "run")}
    with caplog.at_level(logging.DEBUG):
        run_config("training", ["train.yaml"], **places, **small)
    printed = capfd.readouterr()
    files = [file for file in (tmp_path / "run").rglob("*") if file.is_file()]
    assert any(file.name.startswith("events.out") for file in files) and (tmp_path / "run/cache").is_dir()
    texts = [file.read_bytes().decode("latin-1") for file in files]  # events and tensors are not packed
    assert not secrets_in("\n".join([*texts, *map(str, files), caplog.text, printed.out, printed.err]))


def test_dicom_results_have_the_identity_of_their_study_and_nothing_else_of_it(
    run_config, save_model, tmp_path
):
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("highdicom")
    array, affine = chest((6.0, 5.4, 8.0))
    own = {"SOPInstanceUID": lambda k: f"1.2.3.{k}", "FrameOfReferenceUID": "1.2.88"}
    write_series(tmp_path / "scan", array, affine, **SECRETS | own)
    save_model(tmp_path / "model.pt", spatial_shape=[32, 32, 24])
    made = []
    for out in (tmp_path / "out", tmp_path / "again"):  # the same seeds
        places = {"scans": [str(tmp_path / "scan")], "output_dir": str(out)}
        model = {"ckpt_path": str(tmp_path / "model.pt"), "spatial_shape": [32, 32, 24], "num_workers": 0}
        run_config("inference", ["inference.yaml", "dicom.yaml"], **places, **model)
        objects = sorted(out.rglob("*.dcm"))
        assert objects and not secrets_in("\n".join(str(path.relative_to(out)) for path in objects))
        for path in objects:
            dataset = pydicom.dcmread(path)
            made.append(dataset.SOPInstanceUID)
            told = {
                item.keyword for item in dataset.iterall() if secrets_in(str(item.value)) and item.VR != "SQ"
            }
            assert told <= OF_THE_STUDY, f"{path.name}: {told - OF_THE_STUDY}"
            assert dataset.PatientID == SECRETS["PatientID"]  # or it could not be filed
    assert len(set(made)) == len(made)  # no seed makes a UID twice
