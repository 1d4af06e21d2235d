"""A phantom as a DICOM CT series: ``python -m scripts.phantoms.dicom_series --output_dir DIR``."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from scripts.files import write_nifti, write_whole

from .phantom import draw_phantom

__all__ = ["write_dicom_series"]


def write_dicom_series(
    hounsfield: np.ndarray, affine: np.ndarray, folder: Path, seed: int = 0, **tags: Any
) -> None:
    """Write a volume as CT slices along its third axis, one file each, numbered in shuffled order.

    Neither names nor instance numbers tell where a slice lies, as in real archives: only positions do.

    Args:
        hounsfield: HU, integers, shape ``(X, Y, Z)``; X becomes columns, Y rows.
        affine: ``(4, 4)``, voxel to world mm (RAS+), of any orientation, without shear.
        folder: to write to.
        seed: of the order and of the UIDs.
        tags: DICOM keywords and values to set in each slice, over the usual ones.
    """
    import pydicom
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    study, series, frame = (_uid(seed, name) for name in ("study", "series", "frame of reference"))
    for number, k in enumerate(np.random.default_rng(seed).permutation(hounsfield.shape[2]).tolist(), 1):
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = _uid(seed, f"slice {k}")
        header = _header(lps, hounsfield.shape)
        header.file_meta = meta
        header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        header.StudyInstanceUID, header.SeriesInstanceUID, header.FrameOfReferenceUID = study, series, frame
        header.InstanceNumber = number
        header.ImagePositionPatient = _numbers(lps[:3, 3] + k * lps[:3, 2])
        header.PixelData = hounsfield[:, :, k].T.astype("<i2").tobytes()
        for keyword, value in tags.items():
            setattr(header, keyword, value)
        save = partial(header.save_as, enforce_file_format=True)
        write_whole(folder / f"{number:04d}.dcm", save)


def _header(lps: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Return what all slices share: the modules of CT Image Storage, in short."""
    import pydicom

    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    header = pydicom.Dataset()
    header.PatientName, header.PatientID = "Phantom^Chest", "phantom"
    header.PatientBirthDate, header.PatientSex = "", "O"
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = "20200101"
    header.StudyTime = header.SeriesTime = header.AcquisitionTime = header.ContentTime = "120000"
    header.StudyID, header.AccessionNumber, header.ReferringPhysicianName = "1", "", ""
    header.Modality, header.SeriesNumber, header.AcquisitionNumber = "CT", 1, 1
    header.Manufacturer, header.SeriesDescription = "scripts.phantoms", "Synthetic chest CT"
    header.BodyPartExamined = "CHEST"
    header.PatientPosition, header.PositionReferenceIndicator = "HFS", ""
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    header.ImageOrientationPatient = _numbers([*(lps[:3, 0] / spacing[0]), *(lps[:3, 1] / spacing[1])])
    header.PixelSpacing = _numbers([spacing[1], spacing[0]])
    header.SliceThickness, header.KVP = f"{spacing[2]:.6g}", ""
    header.Columns, header.Rows = shape[:2]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 1
    header.RescaleSlope, header.RescaleIntercept, header.RescaleType = 1, 0, "HU"
    header.WindowCenter, header.WindowWidth = -500, 1500
    return header


def _uid(seed: int, name: str) -> Any:
    from pydicom.uid import generate_uid

    return generate_uid(entropy_srcs=["scripts.phantoms", str(seed), name])


def _numbers(values: Any) -> list[str]:
    """Write numbers as DICOM's decimal strings, which have 16 characters at most."""
    from pydicom.valuerep import format_number_as_ds

    return [format_number_as_ds(float(value)) for value in values]


def main() -> None:
    """Draw a phantom; write its series, and scan and lobes as NIfTI beside it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.phantoms.dicom_series", description=__doc__)
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="gains series/, scan.nii.gz, lobes.nii.gz"
    )
    parser.add_argument("--label", type=int, default=2, help="0 non-pneumonia, 1 other pneumonia, 2 COVID-19")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--size", type=int, nargs=3, metavar=("R", "A", "S"), help="voxels of the scan (default: drawn)"
    )
    options = parser.parse_args()
    phantom = draw_phantom(options.seed, options.label, shape=options.size, orientation="LPS")
    write_dicom_series(phantom.hounsfield, phantom.affine, options.output_dir / "series", options.seed)
    for name, volume in {"scan": phantom.hounsfield, "lobes": phantom.lobes}.items():
        write_nifti(options.output_dir / f"{name}.nii.gz", nibabel.Nifti1Image(volume, phantom.affine))
    columns, rows, slices = phantom.hounsfield.shape
    print(f"{slices} slices of {columns} x {rows}: {options.output_dir / 'series'}")


if __name__ == "__main__":
    main()
