"""From a scan to the network's grid: find the region, resample once, cache."""

from .cache import ScanDataset, prepare
from .fingerprint import describe, item_stamp, preprocessing_digest
from .grid import faces_in_grid, from_window, grid_to_scan, scan_to_grid, to_window
from .loading import LoadScand
from .pipelines import preprocessing, voxels_per_scan
from .planes import PLANES, plane_of, show_plane
from .regions import BodyRegion, Box, LungRegion, Region, WholeScanRegion
from .to_grid import ToGrid, ToGridd

__all__ = [
    "PLANES",
    "BodyRegion",
    "Box",
    "LoadScand",
    "LungRegion",
    "Region",
    "ScanDataset",
    "ToGrid",
    "ToGridd",
    "WholeScanRegion",
    "describe",
    "faces_in_grid",
    "from_window",
    "grid_to_scan",
    "item_stamp",
    "plane_of",
    "prepare",
    "preprocessing",
    "preprocessing_digest",
    "scan_to_grid",
    "show_plane",
    "to_window",
    "voxels_per_scan",
]
