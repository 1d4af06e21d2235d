"""OSIC Pulmonary Fibrosis Progression (Kaggle, 2020): ``train/PATIENT/N.dcm`` and ``train.csv``.

The table (Patient, Weeks, FVC, Percent, Age, Sex, SmokingStatus) has a row a visit. The few patients of
``test`` are in ``train`` too. All have fibrosis: the interstitial lung disease of Wang et al., class 1.
"""

from .collection import Collection, Layout, Request
from .release import list_folder, of_person, read_table

__all__ = ["OSIC"]

SOURCE = "osic"
COLUMNS = ("Patient", "Weeks", "FVC", "Percent", "Age", "Sex", "SmokingStatus")
MEANING = {"1": "pulmonary fibrosis, by the clinic's diagnosis: what Wang et al. call ILD"}
NOTES = ["OSIC has no class but 1: join it with sets that have the others"]


def collect_osic(request: Request) -> Collection:
    """Collect OSIC: one scan a patient, with the age and sex of the first visit."""
    collection = Collection({SOURCE: MEANING}, list(NOTES))
    people: dict[str, dict[str, int | str]] = {}
    table = request.csv or request.root / "train.csv"
    for row in read_table(table, COLUMNS).values():
        people.setdefault(row["Patient"], of_person(row["Age"], row["Sex"]))
    seen: set[str] = set()
    for group in ("train", "test"):
        folders = list_folder(request.root / group)[0] if (request.root / group).is_dir() else []
        for patient in folders:
            image = f"{group}/{patient}"
            slices = list_folder(request.root / image)[1]
            others = [name for name in slices if not name.lower().endswith(".dcm")]
            collection.leave_out("not a .dcm file", [f"{image}/{name}" for name in others])
            if patient in seen:
                collection.leave_out("also in train", [image])
            elif len(others) == len(slices):
                collection.leave_out("folder without .dcm files", [image])
            elif patient not in people and group == "train":
                collection.leave_out(f"not in {table.name}", [image])
            else:
                seen.add(patient)
                collection.items.append(
                    {
                        "image": image,
                        "label": 1,
                        "patient": f"{SOURCE}-{patient}",
                        "source": SOURCE,
                        "label_source": "diagnosis",
                        **people.get(patient, {}),
                    }
                )
    collection.miss(request, table, [f"train/{patient}" for patient in people if patient not in seen])
    return collection


OSIC = Layout(
    collect_osic, "train/PATIENT/*.dcm and train.csv; test, if any", frozenset({"csv", "skip_missing"})
)
