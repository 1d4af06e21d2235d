"""A scan on disk -> HU and its affine, checked to be a chest CT; its lungs; or a refusal that says why."""

from .checked import read_checked_scan
from .checks import check_hounsfield, check_shape
from .declarable import DECLARED_FIELDS, DeclarableFields, wrong_fields
from .declaration import Declaration
from .finding import find_scans
from .flags import FLAGS, geometry_flags
from .grey import check_window
from .items import scan_items
from .kinds import PICTURE_ENDINGS, is_picture, natural_order
from .lungs import Lungs, enclosed_air, find_lungs
from .names import file_stem
from .patient_keys import PatientKeys, share_patient_salt
from .reading import ScanReader, read_scan
from .refusal import CODES, RefusedScan
from .resampling import resample
from .scan import AIR, Scan, box_affine
from .scan_files import ScanFile, scan_exists, scan_files
from .series import series_files
from .volume import Volume
from .zip_paths import join_zip_path, split_zip_path, zip_folders

__all__ = [
    "AIR",
    "CODES",
    "DECLARED_FIELDS",
    "FLAGS",
    "PICTURE_ENDINGS",
    "DeclarableFields",
    "Declaration",
    "Lungs",
    "PatientKeys",
    "RefusedScan",
    "Scan",
    "ScanFile",
    "ScanReader",
    "Volume",
    "box_affine",
    "check_hounsfield",
    "check_shape",
    "check_window",
    "enclosed_air",
    "file_stem",
    "find_lungs",
    "find_scans",
    "geometry_flags",
    "is_picture",
    "join_zip_path",
    "natural_order",
    "read_checked_scan",
    "read_scan",
    "resample",
    "scan_exists",
    "scan_files",
    "scan_items",
    "series_files",
    "share_patient_salt",
    "split_zip_path",
    "wrong_fields",
    "zip_folders",
]
