"""A scan on disk -> HU and its affine, checked to be a chest CT; its lungs; or a refusal that says why."""

from .checked import read_scan
from .checks import check_hounsfield, check_shape
from .finding import find_scans
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
    "join_zip_path",
    "read_scan",
    "resample",
    "scan_exists",
    "scan_files",
    "scan_items",
    "split_zip_path",
    "zip_folders",
]
