"""Every layout through every command: `pytest -m slow -s` with this file prints a row of each."""

import contextlib
import io
import json
import sys
import zlib

import nibabel
import numpy as np
import pytest
from PIL import Image
from scan_writers import write_itk, write_series

from scripts.audit.__main__ import main as audit
from scripts.datalists.__main__ import main
from scripts.errors import user_error_behind
from scripts.phantoms import write_data_set

pytestmark = pytest.mark.slow
TWO = ["--classes", "non-pneumonia", "COVID-19"]
SPLIT = ["--folds", "2", "--validation", "0.2", "--test", "0.2"]
GREY = ["--window", "-500", "1500"]


class Chests:
    """Phantoms, written as a release has them."""

    def __init__(self, folder, root):
        content = json.loads((folder / "datalist.json").read_text())
        self.items = [item for name in ("training", "validation", "test") for item in content[name]]
        self.folder, self.root = folder, root

    def of(self, *labels):
        """Give number, label, HU (R, A, S) and affine of each chest of these classes."""
        for number, item in enumerate(self.items):
            if item["label"] in labels:
                image = nibabel.as_closest_canonical(nibabel.load(self.folder / item["image"]))
                yield number, item["label"], np.asarray(image.dataobj).astype(np.int16), image.affine

    def place(self, *parts):
        path = self.root.joinpath(*map(str, parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def volumes(self, labels, path_of, write):
        for number, label, voxels, affine in self.of(*labels):
            write(self.place(*path_of(number, label)), voxels, affine)

    def table(self, name, *rows):
        self.place(name).write_text("\n".join(rows))
        return str(self.root / name)


def write_nifti(path, voxels, affine):
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)


def write_mhd(path, voxels, affine):
    write_itk(path, voxels, affine)


def write_dicom(path, voxels, affine):
    number = zlib.crc32(str(path).encode())
    uids = {"StudyInstanceUID": f"1.2.{number}", "SeriesInstanceUID": f"1.2.{number}.1"}
    write_series(path, voxels, affine, **uids, PatientID=str(number))


def write_slices(ending, grey):
    """Return a writer of pictures from head to feet, in rows from front to back."""

    def write(path, voxels, affine):
        path.mkdir(parents=True)
        for number, k in enumerate(reversed(range(voxels.shape[2]))):
            Image.fromarray(grey(voxels[::-1, ::-1, k].T)).save(path / f"{number:05d}.{ending}")

    return write


def window(hounsfield):
    return ((hounsfield + 1250.0) / 1500 * 255).clip(0, 255).round().astype(np.uint8)


def stored(hounsfield):
    return (hounsfield.astype(np.int32) + 1024).clip(0).astype(np.uint16)


def cc_ccii(chests):
    groups = ("Normal", "CP", "NCP")
    chests.volumes((0, 1, 2), lambda k, label: (groups[label], k, k), write_slices("png", window))
    return GREY


def mosmed(chests, labels=(0, 2)):
    chests.volumes(labels, lambda k, label: ("studies", f"CT-{label // 2}", f"study_{k}.nii.gz"), write_nifti)
    return TWO


def covid_ct_md(chests):
    groups = ("Normal subjects", "Cap subjects", "COVID-19 subjects")
    chests.volumes((0, 1, 2), lambda k, label: (groups[label], f"P{k}"), write_dicom)
    return []


def stoic2021(chests):
    chests.volumes((0, 2), lambda k, label: ("data", "mha", f"{k}.mha"), write_mhd)
    rows = [f"{k},{label // 2},0" for k, label, *_ in chests.of(0, 2)]
    chests.table("metadata/reference.csv", "PatientID,probCOVID,probSevere", *rows)
    return [*TWO, "--negatives_are", "0"]


def cov19_ct_db(chests):
    groups = {0: "non-covid", 2: "covid"}
    chests.volumes(
        (0, 2), lambda k, label: ("train", groups[label], f"ct_scan_{k}"), write_slices("jpg", window)
    )
    return [*TWO, *GREY, "--negatives_are", "0"]


def ictcf(chests):
    chests.volumes((0, 2), lambda k, label: (f"Patient {k}", "CT"), write_slices("jpg", window))
    rows = [f"Patient {k},{('Control', '', 'Severe')[label]}" for k, label, *_ in chests.of(0, 2)]
    return [*TWO, *GREY, "--csv", chests.table("clinical.csv", "Patient,Morbidity outcome", *rows)]


def covid_ctset(chests):
    groups = {0: "normal1", 2: "covid1"}
    chests.volumes(
        (0, 2), lambda k, label: (groups[label], f"patient{k}", "SR_2"), write_slices("tif", stored)
    )
    return TWO


def osic(chests):
    chests.volumes((1,), lambda k, label: ("train", f"ID{k}"), write_dicom)
    rows = [f"ID{k},0,2000,80,70,Male,Ex-smoker" for k, *_ in chests.of(1)]
    chests.table("train.csv", "Patient,Weeks,FVC,Percent,Age,Sex,SmokingStatus", *rows)
    return []


def ct_rate(chests):
    names = {0: "no finding", 1: "Consolidation"}

    def path(k, label):
        return "train_fixed", f"train_{k}", f"train_{k}_a", f"train_{k}_a_1.nii.gz"

    chests.volumes((0, 1), path, write_nifti)
    rows = [f"train_{k}_a_1.nii.gz,{label}" for k, label, *_ in chests.of(0, 1)]
    chests.table("multi_abnormality_labels/train_predicted_labels.csv", "VolumeName,Consolidation", *rows)
    mapping = {names[0]: "non-pneumonia", names[1]: "other pneumonia"}
    return ["--classes", "non-pneumonia", "other pneumonia", "--label_mapping", repr(mapping)]


def luna16(chests):
    chests.volumes((0,), lambda k, label: ("subset0", f"1.3.{k}.mhd"), write_mhd)
    chests.table("annotations.csv", "seriesuid,coordX,coordY,coordZ,diameter_mm", "1.3.0,0,0,0,5")
    return ["--negatives_are", "0", "--skip_missing"]


def tcia(collections):
    def write(chests):
        def path(k, label):
            return collections[label], f"{collections[label]}-{k:04d}", "study", "series"

        chests.volumes(tuple(collections), path, write_dicom)
        return ["--negatives_are", "0", *(TWO if len(collections) == 2 else [])]

    return write


def nlst(chests):
    chests.volumes((0,), lambda k, label: ("NLST", 100000 + k, "study", "series"), write_dicom)
    return ["--negatives_are", "0"]


def dicom_tree(chests):
    chests.volumes((0, 1, 2), lambda k, label: (f"p{k}", "study", "series"), write_dicom)
    rows = [f"p{k},{label}" for k, label, *_ in chests.of(0, 1, 2)]
    return ["--csv", chests.table("patients.csv", "patient,label", *rows)]


def table(chests):
    chests.volumes((0, 1, 2), lambda k, label: (f"{k}.nii.gz",), write_nifti)
    rows = [f"{k}.nii.gz,{label},p{k}" for k, label, *_ in chests.of(0, 1, 2)]
    return ["--csv", chests.table("scans.csv", "path,label,patient", *rows)]


LAYOUTS = {
    "cc_ccii": cc_ccii,
    "cov19_ct_db": cov19_ct_db,
    "covid_ct_md": covid_ct_md,
    "covid_ctset": covid_ctset,
    "ct_rate": ct_rate,
    "dicom_tree": dicom_tree,
    "ictcf": ictcf,
    "lidc": tcia({0: "LIDC-IDRI"}),
    "luna16": luna16,
    "mosmed": mosmed,
    "nlst": nlst,
    "osic": osic,
    "ricord": tcia({2: "MIDRC-RICORD-1A", 0: "MIDRC-RICORD-1B"}),
    "stoic2021": stoic2021,
    "table": table,
}
OF_ONE_CLASS = {
    "lidc": TWO,
    "luna16": TWO,
    "nlst": TWO,
    "osic": [],
}  # joined with MosMedData to be trained on


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The folder of phantoms that trained no network."""
    folder = tmp_path_factory.mktemp("elsewhere")
    write_data_set(folder, count=16, seed=7, shape=(64, 64, 48), workers=1)
    return folder


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_goes_through_every_command(
    name, elsewhere, cross_validation, small, run_config, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main replaces it; put it back
    with contextlib.redirect_stdout(io.StringIO()):
        cells = steps(name, elsewhere, cross_validation, small, run_config, tmp_path)
    row = f"| `{name}` | {' | '.join(cells)} |"
    with capsys.disabled():
        print(f"\n{row}", flush=True)
    assert "**" not in row


def steps(name, elsewhere, cross_validation, small, run_config, folder):
    """Run every command; return a cell for each: what came of it, or in bold what stopped it."""
    whole, external = folder / "whole", folder / "external"
    release = Chests(elsewhere, folder / "release")

    def build():
        arguments = ["build", name, str(release.root), *LAYOUTS[name](release)]
        main([*arguments, "--test", "1", "--output", str(external / "datalist.json")])
        if name not in OF_ONE_CLASS:
            main([*arguments, *SPLIT, "--output", str(whole / "datalist.json")])
            return f"{scans(whole)} scans"
        other = Chests(elsewhere, folder / "mosmed")
        mosmed(other, (2,) if OF_ONE_CLASS[name] else (0, 2))  # nobody in both
        main(["build", "mosmed", str(other.root), "--test", "1", "--output", str(folder / "m/datalist.json")])
        parts = [str(path / "datalist.json") for path in (external, folder / "m")]
        main(
            [
                "join",
                *parts,
                *OF_ONE_CLASS[name],
                *SPLIT,
                "--audit",
                "none",
                "--output",
                f"{whole}/datalist.json",
            ]
        )
        return f"{scans(external)} scans, joined with `mosmed`"

    def look():
        with contextlib.suppress(SystemExit):
            audit([str(whole / "datalist.json"), "--workers", "1"])
        return json.loads((whole / "audit.json").read_text())["verdict"]

    places = {"dataset_dir": str(whole), "output_dir": str(folder / "run")}

    def train():
        two = len(json.loads((whole / "datalist.json").read_text())["classes"]) == 2
        run_config(
            "training",
            ["train.yaml", *(["recipe_wa_66.yaml"] if two else [])],
            **places,
            **small | {"max_epochs": 1},
        )
        return "1 epoch"

    def evaluate():
        run_config("evaluation", ["train.yaml", "evaluate.yaml"], report=False, num_workers=0, **places)
        return f"{json.loads((folder / 'run/metrics.json').read_text())['scans']} scans"

    def infer():
        item = json.loads((whole / "datalist.json").read_text())["test"][0]
        declared = {"intensity": item["intensity"], "scan_window": item["window"]} if "window" in item else {}
        declared |= {"grey_range": item["grey_range"]} if "grey_range" in item else {}
        run_config(
            "inference", ["inference.yaml"], scans=str(whole / item["image"]), num_workers=0,
            ckpt_path=f"{folder}/run/model.pt", output_dir=f"{folder}/answers", **declared,
        )  # fmt: skip
        (row,) = json.loads((folder / "answers/predictions.json").read_text())["predictions"]
        assert not row["reason"], row["reason"]
        return row["flags"] if isinstance(row["flags"], str) and row["flags"] else "answered"

    def test_elsewhere():
        run_config(
            "external_test", ["external_test.yaml"], dataset_dir=str(external), num_workers=0,
            output_dir=str(cross_validation), name=name,
        )  # fmt: skip
        found = json.loads((cross_validation / f"external_{name}.json").read_text())["external"]
        return f"{found['scans']} scans"

    cells = []
    for step in (build, look, train, evaluate, infer, test_elsewhere):
        try:
            cells.append(step())
        except Exception as error:
            cells.append(f"**{user_error_behind(error) or error!r}**")
    return cells


def scans(folder):
    content = json.loads((folder / "datalist.json").read_text())
    return sum(len(content[name]) for name in ("training", "validation", "test"))
