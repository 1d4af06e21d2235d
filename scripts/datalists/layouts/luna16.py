"""LUNA16 (Setio et al., Medical Image Analysis 42, 2017): 888 scans of LIDC-IDRI.

``subset0 .. subset9 / SERIES_UID.mhd`` and ``.raw``, ``annotations.csv`` (seriesuid, coordX, coordY, coordZ,
diameter_mm; a row a nodule of 3 mm or more). Some directions are mirrored, which the reader follows.
"""

from collections import Counter

from .collection import Collection, Layout, Request, class_of_negatives
from .release import find_table, list_folder, read_table

__all__ = ["LUNA16"]

SOURCE = "luna16"
COLUMNS = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")
SIDE_FILES = ("annotations.csv", "candidates.csv", "candidates_V2.csv", "sampleSubmission.csv")
MASKS = "seg-lungs-LUNA16"
MEANING = "read for nodules only, before COVID-19; given this class by --negatives_are, not by a finding"
ONE_EACH = (
    "LUNA16 publishes no patients, and LIDC-IDRI has 1,018 scans of 1,010: every scan counts as a patient of "
    "its own; --csv with LIDC-IDRI's metadata.csv (Series UID, Subject ID) mends it"
)


def collect_luna16(request: Request) -> Collection:
    """Collect LUNA16: nobody was looked at for pneumonia, so the user decides; ``nodules`` counts them."""
    label = class_of_negatives(request, SOURCE, "LUNA16 was read for nodules")
    meaning = {} if label is None else {str(label): MEANING}
    collection = Collection({SOURCE: meaning}, [] if request.csv else [ONE_EACH])
    scans = _find_scans(request, collection)
    nodules: Counter[str] = Counter()
    table = find_table(request.root, ["annotations.csv"])
    if table:
        nodules.update(row["seriesuid"] for row in read_table(table, COLUMNS).values())
        collection.miss(request, table, sorted(nodules.keys() - scans.keys()))
    rows = read_table(request.csv, ("Series UID", "Subject ID")).values() if request.csv else ()
    patients = {row["Series UID"]: row["Subject ID"] for row in rows}
    for uid, image in scans.items():
        if label is None:
            collection.leave_out("left out by --negatives_are", [image])
            continue
        if request.csv and uid not in patients:
            collection.leave_out(f"not in {request.csv.name}", [image])
            continue
        collection.items.append(
            {
                "image": image,
                "label": label,
                "patient": f"{SOURCE}-{patients.get(uid, uid)}",
                "source": SOURCE,
                "label_source": "none",
                **({"nodules": nodules[uid]} if table else {}),
            }
        )
    return collection


def _find_scans(request: Request, collection: Collection) -> dict[str, str]:
    """Return SeriesInstanceUID to path: in the subsets, or all in the root."""
    scans: dict[str, str] = {}
    folders, files = list_folder(request.root)
    places = {"": files} | {
        f"{name}/": list_folder(request.root / name)[1] for name in folders if name != MASKS
    }
    for place, names in places.items():
        voxels = {name.rpartition(".")[0] for name in names if name.endswith((".raw", ".zraw"))}
        for name in names:
            uid, _, ending = name.rpartition(".")
            if ending == "mhd" and uid in voxels:
                scans[uid] = f"{place}{name}"
            elif ending == "mhd":
                collection.leave_out("header without its voxels (.raw)", [f"{place}{name}"])
            elif ending not in ("raw", "zraw") and name not in SIDE_FILES:
                collection.leave_out("not part of the layout", [f"{place}{name}"])
    return scans


LUNA16 = Layout(
    collect_luna16,
    "subset0 .. subset9 with UID.mhd and .raw, annotations.csv; --csv LIDC-IDRI's metadata.csv, for patients",
    frozenset({"csv", "negatives_are", "skip_missing"}),
)
