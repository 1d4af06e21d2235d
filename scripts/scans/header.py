"""What the header of a scan tells, without its voxels."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from .files import ScanFile, scan_files

__all__ = ["read_header"]

Feature = float | str | None
DICOM_TAGS = {
    "manufacturer": "Manufacturer",
    "scanner": "ManufacturerModelName",
    "kernel": "ConvolutionKernel",
    "kilovolts": "KVP",
    "slice_thickness": "SliceThickness",
}
NOT_READ = (OSError, EOFError, ValueError, RuntimeError, nibabel.filebasedimages.ImageFileError)


def read_header(item: Mapping[str, Any]) -> dict[str, Feature]:
    """Read format, shape, spacing and, from DICOM, the scanner's settings.

    Voxels, names, dates and identifiers are not looked at. What the header lacks is absent.

    Args:
        item: with an absolute ``image``, and perhaps ``slices``.

    Returns:
        Text and numbers; lengths in mm. Empty where the file cannot be read: that is for the reader to say.
    """
    image = str(item["image"])
    try:
        files = scan_files(Path("/"), image)
        if Path(image).is_dir() or "::" in image:
            chosen = set(item.get("slices", ()))
            files = [file for file in files if not chosen or re.split(r"[/\\]", file.name)[-1] in chosen]
            return _of_slices(files)
        if image.lower().endswith((".nii", ".nii.gz")):
            header: Any = nibabel.load(image)
            return {
                "format": "nifti",
                "stored_type": str(header.get_data_dtype()),
                **_geometry(header.shape, header.affine),
            }
        return _of_itk(image)
    except NOT_READ:
        return {}


def _geometry(shape: tuple[int, ...], affine: np.ndarray) -> dict[str, Feature]:
    """Return sizes along the patient's right, front and up."""
    if len(shape) != 3 or not np.isfinite(affine).all() or np.linalg.matrix_rank(affine[:3, :3]) < 3:
        return {}
    orientation = nibabel.io_orientation(affine)
    counts, steps = np.zeros(3), np.zeros(3)
    for axis, (target, _) in enumerate(orientation):
        counts[int(target)] = shape[axis]
        steps[int(target)] = np.linalg.norm(affine[:3, axis])
    steps = np.round(steps, 3)
    return {
        "orientation": "".join(nibabel.orientations.ornt2axcodes(orientation)),
        "columns": float(counts[0]),
        "rows": float(counts[1]),
        "slices": float(counts[2]),
        "pixel_spacing": float(steps[0]),
        "slice_spacing": float(steps[2]),
        "field_width": float(round(counts[0] * steps[0])),
        "field_depth": float(round(counts[1] * steps[1])),
        "field_height": float(round(counts[2] * steps[2])),
    }


def _of_itk(image: str) -> dict[str, Feature]:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetFileName(image)
    reader.ReadImageInformation()
    found: dict[str, Feature] = {
        "format": Path(image).suffix.lower().lstrip("."),
        "stored_type": sitk.GetPixelIDValueAsString(reader.GetPixelID()),
    }
    if reader.GetDimension() != 3:
        return found
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(reader.GetDirection(), (3, 3)) * reader.GetSpacing()
    return found | _geometry(reader.GetSize(), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def _of_slices(files: list[ScanFile]) -> dict[str, Feature]:
    """Describe a folder of slices by one in its middle: a scan's slices share their settings."""
    if not files:
        return {}
    middle = files[len(files) // 2]
    with middle.open() as file:
        start = file.read(132)
    if start[128:] != b"DICM":
        return {"format": Path(middle.name).suffix.lower().lstrip("."), "slices": float(len(files))}
    return {"format": "dicom", "slices": float(len(files)), **_of_dicom(middle)}


def _of_dicom(slice_file: ScanFile) -> dict[str, Feature]:
    import pydicom
    from pydicom.config import disable_value_validation

    tags = [*DICOM_TAGS.values(), "Rows", "Columns", "PixelSpacing", "BitsStored", "RescaleIntercept"]
    with slice_file.open() as file, disable_value_validation():
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags)
    found: dict[str, Feature] = {}
    for name, tag in DICOM_TAGS.items():
        value = header.get(tag)
        if value not in (None, ""):
            number = name in ("kilovolts", "slice_thickness")
            found[name] = float(value) if number else str(value).strip()
    found["stored_type"] = f"{header.get('BitsStored')} bits, intercept {header.get('RescaleIntercept')}"
    spacing = header.get("PixelSpacing")
    if spacing and header.get("Columns"):
        found |= {"columns": float(header.Columns), "rows": float(header.Rows)}
        found |= {"pixel_spacing": round(float(spacing[1]), 3)}
        found["field_width"] = float(round(found["pixel_spacing"] * header.Columns))
    return found
