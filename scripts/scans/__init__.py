"""A scan on disk -> HU and its affine, checked to be a chest CT; its lungs; or a refusal that says why."""

from .checks import check_hounsfield, check_shape
from .declarable import DECLARED_FIELDS, DeclarableFields, wrong_fields
from .declaration import Declaration
from .files import ScanFile, file_stem, natural_order, scan_exists, scan_files, shown
from .finding import Found, ScanItems, find_scans, scan_items
from .flags import FLAGS, geometry_flags
from .formats import DICOM, FORMATS, PICTURE_ENDINGS, Format, formats_of, is_picture
from .grey import check_window
from .header import read_header
from .hull import Hull
from .lungs import Lungs, enclosed_air, find_lungs
from .patient_keys import SALT, PatientKeys, forget_salt, is_salt_kept, share_salt
from .reading import ScanReader, read_checked_scan, read_scan, series_files
from .refusal import CODES, RefusedScan
from .resampling import resample
from .scan import AIR, Scan, Volume, box_affine
from .sources import file_stamps
from .studies import FoundScan
from .zips import join_zip_path, split_zip_path, zip_folders

__all__ = [
    "AIR",
    "CODES",
    "DECLARED_FIELDS",
    "DICOM",
    "FLAGS",
    "FORMATS",
    "PICTURE_ENDINGS",
    "SALT",
    "DeclarableFields",
    "Declaration",
    "Format",
    "Found",
    "FoundScan",
    "Hull",
    "Lungs",
    "PatientKeys",
    "RefusedScan",
    "Scan",
    "ScanFile",
    "ScanItems",
    "ScanReader",
    "Volume",
    "box_affine",
    "check_hounsfield",
    "check_shape",
    "check_window",
    "enclosed_air",
    "file_stamps",
    "file_stem",
    "find_lungs",
    "find_scans",
    "forget_salt",
    "formats_of",
    "geometry_flags",
    "is_picture",
    "is_salt_kept",
    "join_zip_path",
    "natural_order",
    "read_checked_scan",
    "read_header",
    "read_scan",
    "resample",
    "scan_exists",
    "scan_files",
    "scan_items",
    "series_files",
    "share_salt",
    "shown",
    "split_zip_path",
    "wrong_fields",
    "zip_folders",
]
