import pytest

from scripts.datalists import Request
from scripts.datalists.building import collect_scans
from scripts.errors import UserError


def test_every_patient_is_one_item_of_its_groups_class(grow):
    root = grow(
        "COVID-19 subjects/P001/IM0002.dcm",
        "COVID-19 subjects/P001/IM0001.dcm",
        "Cap subjects/cap001/a.dcm",
        "Normal subjects/normal001/a.dcm",
        "Index.csv",
        "Slice-level-labels.npy",
        "Lobe-level-labels-updated-1.npy",
    )
    collection = collect_scans("covid_ct_md", Request(root))
    assert [tuple(item.values()) for item in collection.items] == [
        ("Cap subjects/cap001", 1, "covid_ct_md-cap001", "covid_ct_md", "laboratory and reading"),
        ("COVID-19 subjects/P001", 2, "covid_ct_md-P001", "covid_ct_md", "PCR and reading"),
        ("Normal subjects/normal001", 0, "covid_ct_md-normal001", "covid_ct_md", "laboratory and reading"),
    ]
    assert collection.left_out == {}


def test_what_does_not_fit_is_reported(grow):
    root = grow(
        "CAP subjects/c1/0.dcm", "CAP subjects/c1/0.txt", "CAP subjects/c2/0.txt", "CAP subjects/x.dcm"
    )
    grow("Flu subjects/f1/0.dcm", "poster.pdf")
    collection = collect_scans("covid_ct_md", Request(root))
    assert [item["image"] for item in collection.items] == ["CAP subjects/c1"]
    assert collection.left_out == {
        "not part of the layout": ["poster.pdf"],
        "not in a patient's folder": ["CAP subjects/x.dcm"],
        "not a .dcm file": ["CAP subjects/c1/0.txt", "CAP subjects/c2/0.txt"],
        "folder without .dcm files": ["CAP subjects/c2"],
        "not a folder of COVID-19, Cap or Normal subjects": ["Flu subjects"],
    }


@pytest.mark.real
def test_the_published_sample_is_read_as_it_lies(real_scans):
    collection = collect_scans("covid_ct_md", Request(real_scans / "covid_ct_md" / "dicom_every5th"))
    assert {item["patient"]: item["label"] for item in collection.items} == {
        "covid_ct_md-P002": 2,
        "covid_ct_md-cap002": 1,
        "covid_ct_md-normal002": 0,
    }


def test_age_and_sex_come_from_the_clinical_table(grow):
    root = grow("Cap subjects/cap001/a.dcm", "COVID-19 subjects/P001/a.dcm")
    (root / "Clinical-data.csv").write_text("Patient ID,Gender,Age,Weight\nP001,F,41,\ncap001,M,069Y,80\n")
    known = {i["patient"]: (i["age"], i["sex"]) for i in collect_scans("covid_ct_md", Request(root)).items}
    assert known == {"covid_ct_md-P001": (41, "F"), "covid_ct_md-cap001": (69, "M")}


def test_a_clinical_table_without_its_columns_is_refused(grow):
    root = grow("Cap subjects/cap001/a.dcm")
    (root / "Clinical-data.csv").write_text("Patient ID,Weight\ncap001,80\n")
    with pytest.raises(UserError, match="no column for age and sex of the patient"):
        collect_scans("covid_ct_md", Request(root))
