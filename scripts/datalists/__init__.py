"""The datalist: which scans there are, what they show, and who is trained on, selected on, reported on."""

from .building import CLASSES, Marks, build_datalist
from .layouts import LAYOUTS, Request
from .reading import fold_items, read_datalist
from .scan_files import ScanFile, scan_files
from .splits import SplitPlan
from .splitting import split_by_patient
from .zip_paths import join_zip_path, split_zip_path, zip_folders

__all__ = [
    "CLASSES",
    "LAYOUTS",
    "Marks",
    "Request",
    "ScanFile",
    "SplitPlan",
    "build_datalist",
    "fold_items",
    "join_zip_path",
    "read_datalist",
    "scan_files",
    "split_by_patient",
    "split_zip_path",
    "zip_folders",
]
