"""MosMedData COVID19_1110 (Morozov et al., 2020, arXiv:2005.06465).

``studies/CT-0 .. CT-4/study_NNNN.nii.gz``, ``masks/study_NNNN_mask.nii.gz``. The folder is the label; the
registry is not needed.
"""

from scripts.errors import UserError

from .collection import Collection, Layout, Request
from .release import list_folder

__all__ = ["MOSMED"]

SOURCE = "mosmed"
GRADES = ("CT-0", "CT-1", "CT-2", "CT-3", "CT-4")
ENDINGS = (".nii.gz", ".nii")
MEANING = {
    "0": "CT-0: no finding of a viral pneumonia, by reading",
    "2": "CT-1 to CT-4: findings of COVID-19 of rising extent, by reading; not confirmed by PCR",
}
NOTES = [
    "MosMedData has no other pneumonia (class 1)",
    "MosMedData keeps every 10th slice of the scanner's, about 8 mm apart",
]


def collect_mosmed(request: Request) -> Collection:
    """Collect MosMedData: CT-0 is class 0, CT-1 to CT-4 are class 2 with the grade as severity."""
    collection = Collection({SOURCE: MEANING}, list(NOTES))
    studies = request.root / "studies"
    if not studies.is_dir():
        raise UserError(f"{studies}: no such folder; layout mosmed expects {MOSMED.tree}")
    masks = _masks(request, collection)
    grades, others = list_folder(studies)
    collection.leave_out("not in a folder CT-0 .. CT-4", [f"studies/{name}" for name in others])
    for grade in grades:
        if grade not in GRADES:
            collection.leave_out("not a folder CT-0 .. CT-4", [f"studies/{grade}"])
            continue
        folders, files = list_folder(studies / grade)
        collection.leave_out("not a NIfTI file", [f"studies/{grade}/{name}" for name in folders])
        for name in files:
            study = _stem(name)
            if study is None:
                collection.leave_out("not a NIfTI file", [f"studies/{grade}/{name}"])
                continue
            item = {
                "image": f"studies/{grade}/{name}",
                "label": 0 if grade == "CT-0" else 2,
                "patient": f"{SOURCE}-{study}",
                "source": SOURCE,
                "label_source": "reading",
                "severity": grade,
                "released_as": grade,
            }
            mask = masks.pop(study, None)
            collection.items.append({**item, "lesions": mask} if mask else item)
    collection.leave_out("mask without its study", masks.values())
    return collection


def _masks(request: Request, collection: Collection) -> dict[str, str]:
    """Return study to mask; masks are optional."""
    folder = request.root / "masks"
    if not folder.is_dir():
        return {}
    masks = {}
    for name in list_folder(folder)[1]:
        stem = _stem(name)
        if stem and stem.endswith("_mask"):
            masks[stem.removesuffix("_mask")] = f"masks/{name}"
        else:
            collection.leave_out("not a mask study_NNNN_mask.nii.gz", [f"masks/{name}"])
    return masks


def _stem(name: str) -> str | None:
    return next((name[: -len(ending)] for ending in ENDINGS if name.endswith(ending)), None)


MOSMED = Layout(
    collect_mosmed, "studies/CT-0 .. CT-4/study_NNNN.nii.gz and, if any, masks/study_NNNN_mask.nii.gz"
)
