"""From a scan on disk to the network's grid: read, check, find the lungs, resample once, cache."""

from .cache import ScanDataset, prepare
from .finding import find_scans
from .grid import grid_to_scan, scan_to_grid
from .items import scan_items
from .lungs import Lungs, find_lungs
from .pipelines import preprocessing
from .reading import ScanReader
from .refusal import RefusedScan
from .regions import Box, LungRegion, Region, WholeScanRegion
from .scan import Scan
from .to_grid import ToGrid, ToGridd

__all__ = [
    "Box",
    "LungRegion",
    "Lungs",
    "RefusedScan",
    "Region",
    "Scan",
    "ScanDataset",
    "ScanReader",
    "ToGrid",
    "ToGridd",
    "WholeScanRegion",
    "find_lungs",
    "find_scans",
    "grid_to_scan",
    "prepare",
    "preprocessing",
    "scan_items",
    "scan_to_grid",
]
