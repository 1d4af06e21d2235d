import pytest
from scan_writers import write_series
from toy_chest import chest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError

# TCIA's retriever writes
# manifest-N/COLLECTION/PATIENT/DATE-NA-DESCRIPTION-NNNNN/NUMBER-NAME-NNNNN/1-001.dcm, e.g.
# MIDRC-RICORD-1A/MIDRC-RICORD-1A-419639-000082/08-02-2002-NA-CT CHEST WITHOUT CONTRAST-04614/
# 2.000000-ROUTINE CHEST NON-CON-97100. RICORD 1A: 120 CT of 110 patients, RT-PCR positive; 1B: 120 of 117,
# negative; 1C: radiographs. LIDC-IDRI: 1,010 patients, radiographs (DX, CR) among their studies. NLST:
# folders of participants are numbers, series mostly in two kernels; nlst_780_prsn_idc_20210527.csv: pid,
# gender 1 or 2, age.
VOLUME = chest((12.0, 11.0, 20.0))
XRAY = {"Modality": "DX", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1"}


def write(folder, number, study, **tags):
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.{number}", "SeriesNumber": number}
    return write_series(folder, *VOLUME, **{**uids, **tags})


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    root = tmp_path_factory.mktemp("manifest")
    study = "01-18-2005-CT CHEST-06379"
    for place, patient in (("1A", "1A-419639-000082"), ("1B", "1B-419639-000340")):
        folder = root / f"MIDRC-RICORD-{place}" / f"MIDRC-RICORD-{patient}" / study
        write(folder / "2.000000-ROUTINE-97100", 2, f"1.2.{patient[-2:]}", PatientID=patient)
    (root / "MIDRC-RICORD-1C/MIDRC-RICORD-1C-419639-000001").mkdir(parents=True)
    lidc = root / "LIDC-IDRI/LIDC-IDRI-0001"
    write(lidc / "01-01-2000-30178/3000566.000000-NA-03192", 3, "1.4.1", PatientID="LIDC-IDRI-0001")
    write(
        lidc / "01-01-2000-35511/3000923.000000-NA-62357",
        4,
        "1.4.2",
        keep=[2],
        PatientID="LIDC-IDRI-0001",
        **XRAY,
    )
    for number, kernel in ((2, "B30f"), (3, "B80f")):
        place = root / f"NLST/100012/01-02-1999-NLST-LSS/{number}.0-{kernel}"
        write(place, number, "1.5.1", PatientID="100012", ConvolutionKernel=kernel)
    (root / "metadata.csv").write_text("Series UID,Collection\n")
    return root


def collect(layout, root, **more):
    return collect_scans(layout, Request(root, **{"negatives_are": "0", **more}))


def test_ricord_is_positive_negative_and_radiographs(manifest):
    collection = collect("ricord", manifest, negatives_are="1")
    found = [(item["patient"], item["label"], item["label_source"]) for item in collection.items]
    assert found == [
        ("ricord-MIDRC-RICORD-1A-419639-000082", 2, "PCR"),
        ("ricord-MIDRC-RICORD-1B-419639-000340", 1, "PCR"),
    ]
    assert "RT-PCR" in collection.label_meaning["ricord"]["2"]
    assert collection.left_out["chest radiographs, no CT"] == ["MIDRC-RICORD-1C"]
    left_out = collect("ricord", manifest, negatives_are="left_out")
    assert [item["label"] for item in left_out.items] == [2]
    with pytest.raises(UserError, match="RICORD 1C is chest radiographs; there is no CT in it"):
        collect("ricord", manifest / "MIDRC-RICORD-1C")


def test_the_root_may_be_the_collection_itself(manifest):
    (inside,) = collect("ricord", manifest / "MIDRC-RICORD-1A").items
    assert inside["image"].startswith("MIDRC-RICORD-1A-419639-000082/") and inside["label"] == 2
    with pytest.raises(UserError, match="no folder LIDC-IDRI"):
        collect("lidc", manifest / "NLST")


def test_lidc_s_radiographs_are_passed_over(manifest):
    collection = collect("lidc", manifest)
    (item,) = collection.items
    assert item["image"].endswith("3000566.000000-NA-03192") and item["patient"] == "lidc-LIDC-IDRI-0001"
    assert "DICOM of modality DX" in collection.left_out


def test_of_nlst_s_two_kernels_the_user_chooses(manifest, table):
    people = table("rndgroup,pid,age,gender", "1,100012,61,2")
    with pytest.raises(UserError, match=r"several series fit: 2 \(.*B30F\), 3 .*--series first, or all"):
        collect("nlst", manifest)
    (first,) = collect("nlst", manifest, series="first", csv=people).items
    assert first["image"].endswith("2.0-B30f") and (first["age"], first["sex"]) == (61, "F")
    assert len(collect("nlst", manifest, series="all").items) == 2
