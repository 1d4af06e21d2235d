"""COVID-CTset (Rahimzadeh et al., Biomedical Signal Processing and Control 68, 2021).

``covid1 .. , normal1 .. / patientK / SR_2, SR_3, SR_4 / IM00001.tif``: reconstructions of one acquisition, as
stored 16-bit values. ``Patients_metadata.csv`` has a column a DICOM field and reconstruction, such as ``SR_2
PixelSpacing``: slope 1 and intercept -1024 in every row, slices of 1.5 to 8 mm, mostly of a sharp
kernel (B70s).
"""

import re
from pathlib import Path
from typing import Any

from scripts.errors import UserError
from scripts.scans import is_picture

from .collection import Collection, Layout, Request
from .release import find_table, list_folder, of_person, read_table

__all__ = ["COVID_CTSET"]

SOURCE = "covid_ctset"
GROUPS = {"covid": 2, "normal": 0}
MEANING = {
    "0": "a normal person, by the release's folders",
    "2": "COVID-19, by the release's folders (patients of a clinic with positive tests and CT)",
}
NOTES = [
    "COVID-CTset has up to three reconstructions of each patient's scan: --one_scan_per_patient keeps one",
    "COVID-CTset's values are stored ones: HU + 1024, declared as a window of 12287 HU",
]
STORED = {"intensity": "windowed", "grey_range": [-4096, 8191], "window": [1023.5, 12287.0]}  # HU + 1024
NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")


def collect_covid_ctset(request: Request) -> Collection:
    """Collect COVID-CTset: each reconstruction is a scan; spacing, age and sex come from the metadata."""
    collection = Collection({SOURCE: MEANING}, list(NOTES))
    table = request.csv or find_table(request.root, ["Patients_metadata.csv"])
    rows = {row["Patient ID"]: row for row in read_table(table, ("Patient ID",)).values()} if table else {}
    if not table:
        collection.notes.append("without Patients_metadata.csv (--csv) spacing, age and sex are not known")
    folders, strays = list_folder(request.root)
    collection.leave_out("not part of the layout", [name for name in strays if not name.endswith(".csv")])
    for group in folders:
        label = GROUPS.get(group.rstrip("0123456789").lower())
        if label is None:
            collection.leave_out("not a folder covid or normal", [group])
            continue
        for patient in list_folder(request.root / group)[0]:
            row = rows.get(patient, {})
            for series in list_folder(request.root / group / patient)[0]:
                image = f"{group}/{patient}/{series}"
                slices = list_folder(request.root / image)[1]
                others = [name for name in slices if not is_picture(name)]
                collection.leave_out("not a picture", [f"{image}/{name}" for name in others])
                if len(others) == len(slices):
                    collection.leave_out("folder without pictures", [image])
                    continue
                item: dict[str, Any] = {
                    "image": image,
                    "label": label,
                    "patient": f"{SOURCE}-{patient}",
                    "source": SOURCE,
                    "label_source": "unknown",
                    "released_as": group.rstrip("0123456789"),
                    **STORED,
                }
                collection.items.append(item | _described(row, series, table))
    return collection


def _described(row: dict[str, str], series: str, table: Path | None) -> dict[str, Any]:
    """Return spacing, age and sex of a reconstruction; refuse values that are stored otherwise."""
    rescale = (row.get(f"{series} RescaleSlope", "N/A"), row.get(f"{series} RescaleIntercept", "N/A"))
    known = [float(text) for text in rescale if text not in ("N/A", "")]
    if known not in ([1.0, -1024.0], []):
        raise UserError(
            f"{table}: {row['Patient ID']} {series}: rescale {known}; expected slope 1, intercept -1024"
        )
    plane = NUMBERS.findall(row.get(f"{series} PixelSpacing", ""))
    step = NUMBERS.findall(row.get(f"{series} SliceThickness", ""))
    spacing = {}
    if len(plane) == 2 and step:  # the step is not published; slices lie side by side
        spacing = {"spacing": [float(plane[1]), float(plane[0]), float(step[0])]}
    return spacing | of_person(row.get(f"{series} PatientAge", ""), row.get(f"{series} PatientSex", ""))


COVID_CTSET = Layout(
    collect_covid_ctset,
    "covid1 .. and normal1 .., each with PATIENT/SR_2, SR_3, SR_4/*.tif, and Patients_metadata.csv",
    frozenset({"csv"}),
)
