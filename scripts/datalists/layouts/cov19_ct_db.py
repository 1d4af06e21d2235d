"""COV19-CT-DB (Kollias et al., 2021, arXiv:2106.07524).

``train, validation / covid, non-covid / ct_scan_K / 0.jpg, 1.jpg, ...``
"""

from pathlib import Path

from scripts.errors import UserError
from scripts.scans import is_picture

from .collection import Collection, Layout, Request, class_of_negatives
from .release import list_folder, read_table

__all__ = ["COV19_CT_DB"]

SOURCE = "cov19_ct_db"
LISTS = {"train": "training", "validation": "validation", "val": "validation"}
COVID = "COVID-19, by reading"
OTHER = "not COVID-19, by reading; given this class by --negatives_are: other pneumonias are not told apart"
ONE_EACH = (
    "COV19-CT-DB publishes no patients: every scan counts as a patient of its own, so that several scans of "
    "one patient may be on both sides of a split; --csv with the columns path and patient mends it"
)


def collect_cov19_ct_db(request: Request) -> Collection:
    """Collect COV19-CT-DB: folders of 8-bit slices; non-COVID is what the user decides."""
    other = class_of_negatives(request, "cov19_ct_db", "non-covid is everything that is not COVID-19")
    meaning = {"2": COVID} if other is None else {str(other): OTHER, "2": COVID}
    collection = Collection({SOURCE: meaning}, [] if request.csv else [ONE_EACH])
    labels = {"covid": 2, "non-covid": other}
    splits, strays = list_folder(request.root)
    collection.leave_out("not part of the layout", strays)
    for split in splits:
        if split not in LISTS:
            collection.leave_out("not a folder train or validation (without labels)", [split])
            continue
        groups, strays = list_folder(request.root / split)
        collection.leave_out("not part of the layout", [f"{split}/{name}" for name in strays])
        for group in groups:
            if group not in labels:
                collection.leave_out("not a folder covid or non-covid", [f"{split}/{group}"])
            else:
                _add_group(request, collection, split, group, labels[group])
    if request.csv:
        _set_patients(request.csv, collection)
    return collection


def _add_group(request: Request, collection: Collection, split: str, group: str, label: int | None) -> None:
    scans, strays = list_folder(request.root / split / group)
    collection.leave_out("not in a scan's folder", [f"{split}/{group}/{name}" for name in strays])
    for scan in scans:
        image = f"{split}/{group}/{scan}"
        slices = list_folder(request.root / image)[1]
        others = [name for name in slices if not is_picture(name)]
        collection.leave_out("not a picture", [f"{image}/{name}" for name in others])
        if len(others) == len(slices):
            collection.leave_out("folder without pictures", [image])
        elif label is None:
            collection.leave_out("non-covid", [image])
        else:
            collection.items.append(
                {
                    "image": image,
                    "label": label,
                    "patient": f"{SOURCE}-{split}-{group}-{scan}",
                    "source": SOURCE,
                    "label_source": "reading",
                    "intensity": "windowed",
                    "list": LISTS[split],
                    "released_as": group,
                }
            )


def _set_patients(table: Path, collection: Collection) -> None:
    patients = {
        row["path"].strip("/"): row["patient"] for row in read_table(table, ("path", "patient")).values()
    }
    for item in collection.items:
        if not patients.get(item["image"]):
            raise UserError(f"{table}: no patient for {item['image']}")
        item["patient"] = f"{SOURCE}-{patients[item['image']]}"


COV19_CT_DB = Layout(
    collect_cov19_ct_db,
    "train and validation, each with covid and non-covid, each with a folder of slices a scan",
    frozenset({"csv", "negatives_are"}),
)
