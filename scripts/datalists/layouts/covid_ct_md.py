"""COVID-CT-MD (Afshar et al., Scientific Data 8:121, 2021).

``COVID-19 subjects / Cap subjects / Normal subjects / PATIENT / *.dcm``, and ``Clinical-data.csv``, of which
the columns that name the patient (the folder), age and gender are read. Slice and lobe labels are not used.
"""

from pathlib import Path

from scripts.errors import UserError

from .collection import Collection, Layout, Request
from .release import list_folder, of_person, read_table

__all__ = ["COVID_CT_MD"]

SOURCE = "covid_ct_md"
CLASSES = {"normal": 0, "cap": 1, "covid-19": 2}  # first word of a folder's name, in small letters
LABEL_SOURCES = ("laboratory and reading", "laboratory and reading", "PCR and reading")
CLINICAL = "Clinical-data.csv"
SIDE_FILES = ("Index.csv", "README.md", CLINICAL, "Radiologist1.csv", "Radiologist2.csv", "Radiologist3.csv")
COLUMNS = {"id": ("id", "folder", "case", "patient"), "age": ("age",), "sex": ("gender", "sex")}  # by a word
MEANING = {
    "0": "normal by laboratory tests and CT",
    "1": "community-acquired pneumonia by laboratory and CT; not fibrosis-defined as the ILD of Wang et al.",
    "2": "COVID-19 by positive RT-PCR, clinical findings and reading by three radiologists",
}
NOTES = ["COVID-CT-MD and the SPGC challenge are the same patients: neither is an external test of the other"]


def collect_covid_ct_md(request: Request) -> Collection:
    """Collect COVID-CT-MD: one folder of DICOM files a patient. Their names are not in z order."""
    collection = Collection({SOURCE: MEANING}, list(NOTES))
    groups, files = list_folder(request.root)
    collection.leave_out(
        "not part of the layout",
        [name for name in files if name not in SIDE_FILES and not name.endswith(("-labels.npy", "-1.npy"))],
    )
    table = request.csv or request.root / CLINICAL
    people = _people(table) if request.csv or table.is_file() else {}
    for group in groups:
        label = CLASSES.get(group.lower().split()[0])
        if label is None:
            collection.leave_out("not a folder of COVID-19, Cap or Normal subjects", [group])
            continue
        patients, strays = list_folder(request.root / group)
        collection.leave_out("not in a patient's folder", [f"{group}/{name}" for name in strays])
        for patient in patients:
            image = f"{group}/{patient}"
            slices = list_folder(request.root / image)[1]
            others = [name for name in slices if not name.lower().endswith(".dcm")]
            collection.leave_out("not a .dcm file", [f"{image}/{name}" for name in others])
            if len(slices) == len(others):
                collection.leave_out("folder without .dcm files", [image])
                continue
            collection.items.append(
                {
                    "image": image,
                    "label": label,
                    "patient": f"{SOURCE}-{patient}",
                    "source": SOURCE,
                    "label_source": LABEL_SOURCES[label],
                    "released_as": group.split()[0],
                    **people.get(patient.lower(), {}),
                }
            )
    return collection


def _people(table: Path) -> dict[str, dict[str, int | str]]:
    """Return age and sex by patient, in small letters."""
    rows = read_table(table, ()).values()
    found: dict[str, str] = {}
    for column in next(iter(rows), {}):
        for field, words in COLUMNS.items():
            if field not in found and any(word in column.lower().split() for word in words):
                found[field] = column
    if set(found) != set(COLUMNS):
        raise UserError(
            f"{table}: no column for {' and '.join(sorted(set(COLUMNS) - set(found)))} of the patient"
        )
    return {row[found["id"]].lower(): of_person(row[found["age"]], row[found["sex"]]) for row in rows}


COVID_CT_MD = Layout(
    collect_covid_ct_md,
    "'COVID-19 subjects', 'Cap subjects' and 'Normal subjects', with a folder a patient; Clinical-data.csv",
    frozenset({"csv"}),
)
