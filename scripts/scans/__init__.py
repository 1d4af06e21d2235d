"""A scan on disk -> HU and its affine, checked to be a chest CT; its lungs; or a refusal that says why."""

from .checks import check_hounsfield, check_shape
from .dicom import series_files
from .finding import find_scans, is_dicom_folder
from .items import scan_items
from .lungs import Lungs, find_lungs
from .names import file_stem
from .reading import ScanReader
from .refusal import RefusedScan
from .resampling import resample
from .scan import AIR, Scan, box_affine
from .scan_files import ScanFile, scan_exists, scan_files
from .zip_paths import join_zip_path, split_zip_path, zip_folders

__all__ = [
    "AIR",
    "Lungs",
    "RefusedScan",
    "Scan",
    "ScanFile",
    "ScanReader",
    "box_affine",
    "check_hounsfield",
    "check_shape",
    "file_stem",
    "find_lungs",
    "find_scans",
    "is_dicom_folder",
    "join_zip_path",
    "resample",
    "scan_exists",
    "scan_files",
    "scan_items",
    "series_files",
    "split_zip_path",
    "zip_folders",
]
