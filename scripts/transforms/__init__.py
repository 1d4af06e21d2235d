"""From a scan to the network's grid: find the region, resample once, cache."""

from .cache import ScanDataset, prepare
from .grid import faces_in_grid, grid_to_scan, scan_to_grid, to_window
from .pipelines import preprocessing
from .regions import Box, LungRegion, Region, WholeScanRegion
from .to_grid import ToGrid, ToGridd

__all__ = [
    "Box",
    "LungRegion",
    "Region",
    "ScanDataset",
    "ToGrid",
    "ToGridd",
    "WholeScanRegion",
    "faces_in_grid",
    "grid_to_scan",
    "prepare",
    "preprocessing",
    "scan_to_grid",
    "to_window",
]
