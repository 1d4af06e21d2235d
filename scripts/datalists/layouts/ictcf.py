"""iCTCF / HUST-19 (Ning et al., Nature Biomedical Engineering 4, 2020).

``Patient N/CT/IMG-0001-000NN.jpg``, and the clinical table of the publication, saved as CSV, with the columns
Patient and Morbidity outcome (Age and Gender if there).
"""

from typing import Any

from scripts.errors import UserError
from scripts.scans import is_picture

from .collection import Collection, Layout, Request, class_of_negatives
from .release import list_folder, of_person, read_table

__all__ = ["ICTCF"]

SOURCE = "ictcf"
COVID = ("mild", "regular", "severe", "critically ill", "critical")
CONTROL = "control: not COVID-19; the release calls its cohort patients with pneumonia: some may have another"
CASE = "COVID-19, graded mild to critically ill by the national guidance (clinical findings, PCR, CT)"


def collect_ictcf(request: Request) -> Collection:
    """Collect iCTCF: controls are class 0 unless the user decides otherwise; suspected ones stay out."""
    if request.csv is None:
        raise UserError("layout ictcf: the labels are in the clinical table; give it with --csv FILE")
    control = class_of_negatives(request, "ictcf", "") if request.negatives_are else 0
    meaning = {"2": CASE} if control is None else {str(control): CONTROL, "2": CASE}
    collection = Collection({SOURCE: meaning})
    folders, strays = list_folder(request.root)
    collection.leave_out("not part of the layout", [n for n in strays if request.root / n != request.csv])
    found = {_number(folder): folder for folder in folders}
    missing, seen = [], set()
    for line, row in read_table(request.csv, ("Patient", "Morbidity outcome")).items():
        patient, outcome = _number(row["Patient"]), row["Morbidity outcome"]
        if patient in seen:
            raise UserError(f"{request.csv}: line {line}: {row['Patient']} is there twice")
        seen.add(patient)
        grade = outcome.lower()
        if patient not in found:
            missing.append(f"Patient {patient}")
        elif grade.startswith("suspected") or (grade == "control" and control is None):
            collection.leave_out(outcome, [found[patient]])
        elif grade != "control" and grade not in COVID:
            raise UserError(
                f"{request.csv}: line {line}: Morbidity outcome is {outcome!r}; expected Control, Suspected, "
                f"Mild, Regular, Severe or Critically ill"
            )
        else:
            _add(request, collection, found[patient], control if grade == "control" else 2, row)
    collection.miss(request, request.csv, missing)
    unlisted = [folder for patient, folder in found.items() if patient not in seen]
    collection.leave_out(f"not in {request.csv.name}", unlisted)
    return collection


def _add(
    request: Request, collection: Collection, folder: str, label: int | None, row: dict[str, str]
) -> None:
    image = f"{folder}/CT"
    slices = list_folder(request.root / image)[1] if (request.root / image).is_dir() else []
    others = [name for name in slices if not is_picture(name)]
    collection.leave_out("not a picture", [f"{image}/{name}" for name in others])
    if len(others) == len(slices):
        collection.leave_out("folder without pictures", [image])
        return
    item: dict[str, Any] = {
        "image": image,
        "label": label,
        "patient": f"{SOURCE}-{_number(folder)}",
        "source": SOURCE,
        "label_source": "severity",
        "intensity": "windowed",
        "released_as": row["Morbidity outcome"],
    }
    if label == 2:
        item["severity"] = row["Morbidity outcome"].lower()
    collection.items.append(item | of_person(row.get("Age", ""), row.get("Gender", "")))


def _number(patient: str) -> str:
    return patient.lower().removeprefix("patient").strip()


ICTCF = Layout(
    collect_ictcf,
    "'Patient N/CT' folders of slices, with --csv the clinical table",
    frozenset({"csv", "negatives_are", "skip_missing"}),
)
