"""One file a format: each gives a :class:`~scripts.scans.volume.Volume`."""

from .dicom import dicom_order, read_dicom
from .itk import read_itk
from .nifti import read_nifti
from .pictures import read_pictures

__all__ = ["dicom_order", "read_dicom", "read_itk", "read_nifti", "read_pictures"]
