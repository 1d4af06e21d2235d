"""The CT series that results refer to: its slices' headers, in the order of the scan's voxels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from scripts.errors import UserError
from scripts.scans import Declaration, series_files

__all__ = ["SourceSeries", "read_source"]

NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
MAY_BE_EMPTY = (  # type 2: anonymisers drop them, the standard wants them there, if only empty
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # DICOM's patient coordinates to NIfTI's
TOLERANCE = 0.05  # mm: NIfTI keeps its affine in single precision


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """One CT series, as results refer to it.

    Attributes:
        slices: headers without pixels, in the order of the scan's last axis.
        affine: ``(4, 4)``, voxel (column, row, slice) to world mm in RAS+, as ``read_scan`` gives it.
        name: the folder as the user named it, for messages.
    """

    slices: list[Any]
    affine: np.ndarray
    name: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, slices: the shape of the scan as it is read."""
        return int(self.slices[0].Columns), int(self.slices[0].Rows), len(self.slices)

    def load(self, path: str | Path) -> np.ndarray:
        """Read a NIfTI volume that lies on this series' voxels, whatever the order of its axes.

        Returns:
            Shape ``(columns, rows, slices)``, scaled by the header's slope.

        Raises:
            UserError: it cannot be read, or lies on other voxels.
        """
        try:
            image: Any = nibabel.load(path)
            turn = nibabel.orientations.ornt_transform(
                nibabel.io_orientation(image.affine), nibabel.io_orientation(self.affine)
            )
            image = image.as_reoriented(turn)
            volume = np.asarray(image.dataobj)
        except (OSError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
            raise UserError(f"{path}: cannot be read as NIfTI ({error})") from error
        if volume.shape != self.shape:
            raise UserError(
                f"{path}: shape {volume.shape} (columns, rows, slices); "
                f"expected {self.shape}, that of {self.name}"
            )
        corners = np.array([[c, r, s, 1.0] for c in (0, 1) for r in (0, 1) for s in (0, 1)])
        corners[:, :3] *= np.array(self.shape) - 1
        apart = float(np.abs(corners @ (image.affine - self.affine).T).max())
        if apart > TOLERANCE:
            raise UserError(
                f"{path}: its voxels lie up to {apart:.2f} mm from those of {self.name}; "
                f"expected a volume in that series' own geometry"
            )
        return volume

    def hounsfield(self, index: int) -> np.ndarray:
        """Read one slice's pixels in HU, shape ``(rows, columns)``."""
        import SimpleITK as sitk

        return sitk.GetArrayFromImage(sitk.ReadImage(str(self.slices[index].filename)))[0]


def read_source(scan: str | Path, declared: Declaration | None = None) -> SourceSeries:
    """Read the headers of a scan that is a folder of one DICOM CT series.

    Args:
        scan: as the user named it.
        declared: which series it is, where the folder holds several.

    Raises:
        UserError: it is no DICOM folder; or its slices lack what a reference to them needs.
        RefusedScan: it is not one CT series of even slices.
    """
    import pydicom

    files, affine = series_files(scan, declared)
    if not files:
        raise UserError(
            f"{scan}: not a folder of DICOM slices; expected one, for DICOM results belong to a study"
        )
    slices = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    instances = len({header.get("SOPInstanceUID") for header in slices})
    if instances < len(slices):
        raise UserError(
            f"{scan}: {len(slices)} slices share {instances} SOPInstanceUID; DICOM results refer to each "
            f"slice by its own; get the original series, or give each slice a UID of its own"
        )
    for tag in NEEDED:
        if not all(header.get(tag) for header in slices):
            raise UserError(
                f"{scan}: slices without {tag}, by which results refer to them; get the original series"
            )
    for header in slices:
        for keyword in MAY_BE_EMPTY:
            if keyword not in header:
                setattr(header, keyword, "")
    return SourceSeries(slices, affine, str(scan))
