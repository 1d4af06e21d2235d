"""Datalist items without files, and files made from phantoms."""

import json
from pathlib import Path

import nibabel
import numpy as np


def items(count, folds=5):
    """Return items of as many patients, classes and folds in turn."""
    return [
        {
            "image": f"/data/{k}.nii.gz", "name": f"{k}.nii.gz", "key": f"/data/{k}.nii.gz",
            "label": k % 3, "patient": f"p{k:03d}", "place": f"training fold {k % folds}",
        }
        for k in range(count)
    ]  # fmt: skip


def load(path):
    """Return voxels and affine of a NIfTI file."""
    image = nibabel.load(path)
    return np.asarray(image.dataobj), image.affine


def save(voxels, affine, path):
    """Write a NIfTI file; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    return path


def phantom_items(folder):
    """Return the items of a folder of phantoms, in the order of their files, with absolute paths."""
    content = json.loads((folder / "datalist.json").read_text())
    found = [item for name in ("training", "validation", "test") for item in content[name]]
    return sorted(
        ({**item, "image": str(folder / item["image"])} for item in found), key=lambda item: item["image"]
    )


def write_datalist(folder, training, name="planted", **lists):
    """Write a datalist of absolute paths; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(folder, "datalist.json")
    path.write_text(json.dumps({"name": name, "training": training, **lists}))
    return path


def mask_body(path, lobes, target, value=-1024):
    """Blank all but the lungs, as 62 % of CC-CCII's normals are."""
    voxels, affine = load(path)
    inside, _ = load(lobes)
    return save(np.where(inside > 0, voxels, value).astype(voxels.dtype), affine, target)
