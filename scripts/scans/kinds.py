"""What kind of file this is, and the order in which people number files."""

import re
from typing import IO

__all__ = ["PICTURE_ENDINGS", "is_dicom", "is_itk", "is_nifti", "is_picture", "is_zip", "natural_order"]

NIFTI_ENDINGS = (".nii", ".nii.gz")
ITK_ENDINGS = (".nrrd", ".nhdr", ".mha", ".mhd")
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp")


def is_nifti(name: str) -> bool:
    """Tell NIfTI by the name's ending."""
    return name.lower().endswith(NIFTI_ENDINGS)


def is_itk(name: str) -> bool:
    """Tell the formats that SimpleITK reads for us by the name's ending."""
    return name.lower().endswith(ITK_ENDINGS)


def is_picture(name: str) -> bool:
    """Tell a slice saved as a picture by the name's ending."""
    return name.lower().endswith(PICTURE_ENDINGS)


def is_zip(name: str) -> bool:
    """Tell a zip by the name's ending."""
    return name.lower().endswith(".zip")


def is_dicom(file: IO[bytes]) -> bool:
    """Tell a DICOM file by its magic word, which follows a preamble of 128 bytes."""
    return file.read(132)[128:] == b"DICM"


def natural_order(name: str) -> list[tuple[int, str]]:
    """Sort key that puts ``scan2`` before ``scan10``.

    >>> sorted(["10.jpg", "9.jpg"], key=natural_order)
    ['9.jpg', '10.jpg']
    """
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]
