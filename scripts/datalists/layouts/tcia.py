"""Collections of The Cancer Imaging Archive: ``COLLECTION/PATIENT/STUDY/SERIES/*.dcm``.

LIDC-IDRI (Armato et al., Med Phys 38, 2011): CT of 1,010 patients, chest radiographs among their studies.
NLST (NEJM 365, 2011): low-dose CT of a screening trial, 2002 to 2007, mostly in two kernels. MIDRC-RICORD
(Tsai et al., Radiology 299, 2021): 1A, CT of patients with COVID-19; 1B, of others; 1C, radiographs.
"""

from collections.abc import Mapping
from functools import partial

from scripts.errors import UserError

from .collection import Collection, Layout, Request, class_of_negatives
from .dicom_tree import scan_items
from .release import list_folder, of_person, read_table

__all__ = ["LIDC", "NLST", "RICORD"]

Classes = Mapping[str, int | None]  # by collection; "negative" stands for the class that the user gives
POSITIVE = "COVID-19 by positive RT-PCR; the lungs may look normal"
NODULES = "looked at for nodules only, before COVID-19; given this class by --negatives_are, not by a finding"
NEGATIVE = "COVID-19 negative; given this class by --negatives_are, not by a finding"


def collect_tcia(
    request: Request, source: str, collections: Mapping[str, int | None], who: str, meaning: str
) -> Collection:
    """Collect a scan for each study of the patients of one or several collections.

    Args:
        request: its root holds the collections' folders, or is one of them.
        source: name of the layout.
        collections: the class of each collection's patients; None: what the user gives to negatives.
        who: for the message: who they are.
        meaning: of their class.
    """
    negatives = class_of_negatives(request, source, who) if None in collections.values() else None
    meanings = {"2": POSITIVE} if 2 in collections.values() else {}
    collection = Collection({source: meanings | ({} if negatives is None else {str(negatives): meaning})})
    people = _people(request)
    folders, _ = list_folder(request.root)
    present = {name: f"{name}/" for name in collections if name in folders}
    if not present:
        present = {
            name: "" for name in collections if any(each.startswith(_prefix(name)) for each in folders)
        }
    if not present:
        raise UserError(f"{request.root}: no folder {' or '.join(collections)}")
    others = [name for name in folders if name not in present and "" not in present.values()]
    collection.leave_out("not a folder of the collection", others)
    for name, place in present.items():
        label = negatives if collections[name] is None else collections[name]
        for patient in list_folder(request.root / place)[0]:
            if label is None:
                collection.leave_out("left out by --negatives_are", [f"{place}{patient}"])
                continue
            for item in scan_items(request, f"{place}{patient}", None, collection, str(request.root)):
                collection.items.append(
                    {
                        **item,
                        "label": label,
                        "patient": f"{source}-{patient}",
                        "source": source,
                        "label_source": "PCR" if source == "ricord" else "none",
                        **people.get(patient, {}),
                    }
                )
    return collection


def collect_ricord(request: Request) -> Collection:
    """Collect RICORD 1A and 1B; 1C is left out: it has no CT."""
    collections = {"MIDRC-RICORD-1A": 2, "MIDRC-RICORD-1B": None}
    if "1C" in request.root.name:
        raise UserError(f"{request.root}: RICORD 1C is chest radiographs; there is no CT in it")
    found = collect_tcia(request, "ricord", collections, "RICORD 1B is COVID-19 negative", NEGATIVE)
    folders = found.left_out.pop("not a folder of the collection", [])
    found.leave_out("chest radiographs, no CT", [name for name in folders if name.endswith("RICORD-1C")])
    found.leave_out("not a folder of the collection", [n for n in folders if not n.endswith("RICORD-1C")])
    return found


def _prefix(collection: str) -> str:
    """Return what the names of a collection's patients begin with; NLST's are numbers."""
    return "1" if collection == "NLST" else collection


def _people(request: Request) -> dict[str, dict[str, int | str]]:
    """Return age and sex by patient, from a table as NLST's participants' (columns pid, age, gender)."""
    if request.csv is None:
        return {}
    rows = read_table(request.csv, ("pid", "age", "gender")).values()
    return {row["pid"]: of_person(row["age"], row["gender"]) for row in rows}


_TREE = "PATIENT/STUDY/SERIES/*.dcm, as TCIA's retriever writes"
LIDC = Layout(
    partial(
        collect_tcia,
        source="lidc",
        collections={"LIDC-IDRI": None},
        who="LIDC-IDRI was read for nodules",
        meaning=NODULES,
    ),
    f"LIDC-IDRI/{_TREE}",
    frozenset({"negatives_are", "series"}),
)
NLST = Layout(
    partial(
        collect_tcia,
        source="nlst",
        collections={"NLST": None},
        who="NLST screened for lung cancer",
        meaning=NODULES,
    ),
    f"NLST/{_TREE}; --csv the participants' table (nlst_780_prsn_*.csv), for age and sex",
    frozenset({"csv", "negatives_are", "series"}),
)
RICORD = Layout(
    collect_ricord, f"MIDRC-RICORD-1A and -1B, each with {_TREE}", frozenset({"negatives_are", "series"})
)
