"""One CT series in a folder of DICOM slices -> HU and the affine."""

from pathlib import Path
from typing import Any

import numpy as np

from .finding import is_dicom
from .refusal import RefusedScan

__all__ = ["read_series", "series_files"]

HEADER_TAGS = [
    "Modality",
    "SOPClassUID",
    "PatientID",
    "SeriesInstanceUID",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "NumberOfFrames",
]
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
SPACING_TOLERANCE = 0.05  # share of the usual gap between slices: headers round positions


def read_series(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the one CT series of a folder; pixels by SimpleITK, in HU, geometry from the headers.

    Slices are sorted by position along the normal of the image plane: neither file names nor instance
    numbers nor instance UIDs need to be right.

    Args:
        folder: holds the slices of one CT series; objects that are no images (reports) may lie beside them.

    Returns:
        HU of shape ``(columns, rows, slices)`` and the affine to world mm in DICOM's LPS+.

    Raises:
        RefusedScan: not one patient, series and orientation; a slice missing or there twice; unreadable.
    """
    import SimpleITK as sitk

    files, affine = series_files(folder)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(file) for file in files])
    try:
        image = reader.Execute()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise RefusedScan("unreadable", str(folder), f"its pixels could not be decoded ({reason})") from error
    return sitk.GetArrayFromImage(image).T, affine


def series_files(folder: Path) -> tuple[list[Path], np.ndarray]:
    """Return the slices of the one CT series of a folder, in the order of :func:`read_series`'s last axis.

    Args:
        folder: as for :func:`read_series`.

    Returns:
        The files, and the affine to world mm in DICOM's LPS+.

    Raises:
        RefusedScan: as :func:`read_series` does, but for pixels.
    """
    headers = _headers(folder)
    positions, affine = _geometry(headers, str(folder))
    return [Path(headers[i].filename) for i in np.argsort(positions, kind="stable")], affine


def _headers(folder: Path) -> list[Any]:
    """Return the headers of the CT slices, checked to be of one patient and one series."""
    import pydicom
    from pydicom.config import disable_value_validation

    name = str(folder)
    with disable_value_validation():
        files = [file for file in sorted(folder.iterdir()) if file.is_file() and is_dicom(file)]
        headers = [
            pydicom.dcmread(file, stop_before_pixels=True, specific_tags=HEADER_TAGS) for file in files
        ]
        kinds = [
            str(h.get("Modality") or ("CT" if h.get("SOPClassUID") == CT_IMAGE_STORAGE else "?"))
            for h in headers
        ]
        slices = [h for h, kind in zip(headers, kinds, strict=True) if kind == "CT"]
        if not slices:
            found = ", ".join(sorted(set(kinds)))
            raise RefusedScan("not_ct", name, f"DICOM of modality {found}; expected one CT series")
        for tag, code, what in (
            ("PatientID", "several_patients", "patients"),
            ("SeriesInstanceUID", "several_series", "series"),
        ):
            count = len({str(h.get(tag)) for h in slices})
            if count > 1:
                raise RefusedScan(
                    code,
                    name,
                    f"slices of {count} {what}; expected one CT series; put each in a folder of its own",
                )
    return slices


def _geometry(headers: list[Any], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the slices' positions along the normal in mm, and the affine (LPS+) of the sorted volume."""
    if any(int(h.get("NumberOfFrames") or 1) > 1 for h in headers):
        raise RefusedScan("unsupported", name, "multi-frame DICOM; expected one slice a file")
    needed = ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "Rows", "Columns")
    missing = [tag for tag in needed if any(h.get(tag) is None for h in headers)]
    if missing:
        raise RefusedScan("bad_geometry", name, f"slices without {missing[0]}; expected it in each")
    planes = {
        (h.Rows, h.Columns, *np.round([*h.PixelSpacing, *h.ImageOrientationPatient], 4).tolist())
        for h in headers
    }
    if len(planes) > 1:
        raise RefusedScan(
            "several_orientations",
            name,
            f"{len(planes)} different sizes, pixel spacings or orientations among the slices; expected one",
        )
    if len(headers) < 2:
        raise RefusedScan("too_few_slices", name, "a single slice; expected the series of a whole chest")
    along_row, along_column = np.reshape(np.array(headers[0].ImageOrientationPatient, dtype=float), (2, 3))
    corners = np.array([h.ImagePositionPatient for h in headers], dtype=float)
    positions = corners @ np.cross(along_row, along_column)
    corners = corners[np.argsort(positions, kind="stable")]
    _check_gaps(np.sort(positions), name)
    row_spacing, column_spacing = (float(x) for x in headers[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = along_row * column_spacing
    affine[:3, 1] = along_column * row_spacing
    affine[:3, 2] = (corners[-1] - corners[0]) / (len(corners) - 1)
    affine[:3, 3] = corners[0]
    return positions, affine


def _check_gaps(positions: np.ndarray, name: str) -> None:
    gaps = np.diff(positions)
    usual = float(np.median(gaps))
    if gaps.min() < 0.01:
        twice = int((gaps < 0.01).sum())
        raise RefusedScan(
            "duplicate_slices", name, f"{twice} slices lie where another lies; expected one each"
        )
    holes = np.flatnonzero(gaps > 1.5 * usual)
    if len(holes):
        lost = int(np.round(gaps[holes] / usual).sum()) - len(holes)
        where = ", ".join(f"{gaps[i]:g} mm at {positions[i]:g} mm" for i in holes[:3])
        raise RefusedScan(
            "missing_slices",
            name,
            f"{lost} slices are missing (gaps of {where}; usually {usual:g} mm); get the whole series",
        )
    if np.abs(gaps - usual).max() > SPACING_TOLERANCE * usual:
        raise RefusedScan(
            "uneven_slices",
            name,
            f"gaps between slices from {gaps.min():g} to {gaps.max():g} mm; expected even ones",
        )
