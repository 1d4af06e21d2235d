"""STOIC2021 (Revel et al., Radiology 2021; the challenge's public 2,000 scans).

``data/mha/PATIENT.mha``, ``metadata/reference.csv`` with PatientID, probCOVID, probSevere. The headers of the
files have the fields PatientAge (``065Y``) and PatientSex (``M``).
"""

import re
from pathlib import Path

from scripts.errors import UserError

from .collection import Collection, Layout, Request, class_of_negatives
from .release import list_folder, of_person, read_table

__all__ = ["STOIC2021"]

SOURCE = "stoic2021"
FOLDER = "data/mha"
HEADER = 1 << 16  # bytes that hold it
FIELD = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$", re.MULTILINE)
COLUMNS = ("PatientID", "probCOVID", "probSevere")
NEGATIVE = "suspected of COVID-19, RT-PCR negative; given this class by --negatives_are, not by a finding"
POSITIVE = "COVID-19 by positive RT-PCR; the lungs may look normal"


def collect_stoic2021(request: Request) -> Collection:
    """Collect STOIC2021: a positive RT-PCR is class 2, a negative one what the user decides."""
    negatives = class_of_negatives(
        request, "stoic2021", "probCOVID 0 is a negative RT-PCR in a suspected patient"
    )
    meaning = {"2": POSITIVE} if negatives is None else {str(negatives): NEGATIVE, "2": POSITIVE}
    collection = Collection({SOURCE: meaning}, ["STOIC2021's labels are RT-PCR, not reading"])
    table = request.csv or request.root / "metadata" / "reference.csv"
    rows = read_table(table, COLUMNS)
    folders, names = list_folder(request.root / FOLDER)
    files = {name.removesuffix(".mha"): name for name in names if name.endswith(".mha")}
    others = folders + [name for name in names if not name.endswith(".mha")]
    collection.leave_out("not an .mha file", [f"{FOLDER}/{name}" for name in others])
    missing, seen = [], set()
    for line, row in rows.items():
        patient = row["PatientID"]
        if patient in seen:
            raise UserError(f"{table}: line {line}: PatientID {patient} is there twice")
        seen.add(patient)
        positive, severe = (_flag(table, line, row, column) for column in COLUMNS[1:])
        if patient not in files:
            missing.append(f"{FOLDER}/{patient}.mha")
        elif not positive and negatives is None:
            collection.leave_out("RT-PCR negative", [f"{FOLDER}/{files[patient]}"])
        else:
            collection.items.append(
                {
                    "image": f"{FOLDER}/{files[patient]}",
                    "label": 2 if positive else negatives,
                    "patient": f"{SOURCE}-{patient}",
                    "source": SOURCE,
                    "label_source": "PCR",
                    **({"severity": "severe" if severe else "not severe"} if positive else {}),
                    **_person(request.root / FOLDER / files[patient]),
                }
            )
    collection.miss(request, table, missing)
    unlisted = [f"{FOLDER}/{name}" for patient, name in files.items() if patient not in seen]
    collection.leave_out(f"not in {table.name}", unlisted)
    return collection


def _person(image: Path) -> dict[str, int | str]:
    """Return age and sex as the header of a MetaImage says them."""
    with image.open("rb") as file:
        header = file.read(HEADER).partition(b"ElementDataFile")[0]
    fields = dict(FIELD.findall(header.decode("latin-1")))
    return of_person(fields.get("PatientAge", ""), fields.get("PatientSex", ""))


def _flag(table: Path, line: int, row: dict[str, str], column: str) -> bool:
    if row[column] not in ("0", "1", "0.0", "1.0"):
        raise UserError(f"{table}: line {line}: {column} is {row[column]!r}; expected 0 or 1")
    return row[column][0] == "1"


STOIC2021 = Layout(
    collect_stoic2021,
    "data/mha/PATIENT.mha and metadata/reference.csv",
    frozenset({"csv", "negatives_are", "skip_missing"}),
)
