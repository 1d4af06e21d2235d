import numpy as np
import pytest
from PIL import Image
from toy_chest import chest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError
from scripts.scans import Declaration, read_scan

# COVID-CTset (github.com/mr7495/COVID-CTset): covid1/patient78/SR_4, normal4/patient222/SR_3, IM00001.tif
# of 16 bits; Patients_metadata.csv has `SR_2 PixelSpacing` "[0.62890625, 0.62890625]", `SR_2
# SliceThickness`, `SR_2 RescaleSlope` 1 and `SR_2 RescaleIntercept` -1024 in all 375 rows that are not N/A,
# `SR_2 PatientAge` 053Y, `SR_2 PatientSex` F.
FIELDS = ("PixelSpacing", "SliceThickness", "RescaleSlope", "RescaleIntercept", "PatientAge", "PatientSex")


def metadata(path, *rows):
    header = ["Patient ID", *(f"{series} {field}" for series in ("SR_2", "SR_3") for field in FIELDS)]
    path.write_text("\n".join(";".join(row) for row in (header, *rows)))
    return path


@pytest.fixture
def root(grow):
    root = grow(
        "covid1/patient1/SR_2/IM00001.tif",
        "covid1/patient1/SR_3/IM00001.tif",
        "normal4/patient222/SR_2/1.tif",
        "CSV/a.csv",
    )
    known = ["[0.5, 0.625]", "6", "1", "-1024", "053Y", "F"]
    metadata(root / "Patients_metadata.csv", ["patient1", *known, *["N/A"] * 6])
    return root


def test_each_reconstruction_is_a_scan_of_its_patient(root):
    collection = collect_scans("covid_ctset", Request(root))
    first, second, normal = collection.items
    assert (first["label"], second["label"], normal["label"]) == (2, 2, 0)
    assert first["patient"] == second["patient"] == "covid_ctset-patient1"
    assert first["spacing"] == [0.625, 0.5, 6.0] and (first["age"], first["sex"]) == (53, "F")
    assert "spacing" not in second and "age" not in normal
    assert collection.left_out == {"not a folder covid or normal": ["CSV"]}


def test_values_stored_otherwise_are_refused(root):
    metadata(root / "Patients_metadata.csv", ["patient1", "[1, 1]", "6", "1", "0", "053Y", "F", *["N/A"] * 6])
    with pytest.raises(UserError, match=r"patient1 SR_2: rescale .*; expected slope 1, intercept -1024"):
        collect_scans("covid_ctset", Request(root))


def test_stored_values_are_read_as_hounsfield_units(tmp_path):
    voxels = chest((12.0, 11.0, 20.0))[0].clip(-1024)
    folder = tmp_path / "data/covid1/patient1/SR_2"
    folder.mkdir(parents=True)
    for number, plane in enumerate(voxels.T[::-1]):
        Image.fromarray((plane[::-1].astype(np.int32) + 1024).astype(np.uint16)).save(
            folder / f"IM{number:05d}.tif"
        )
    (item,) = collect_scans("covid_ctset", Request(tmp_path / "data")).items
    item["spacing"] = [12.0, 11.0, 20.0]
    volume = read_scan(folder, Declaration.of(item))
    assert sorted(volume.voxels.ravel().tolist()) == sorted(voxels.ravel().tolist())
