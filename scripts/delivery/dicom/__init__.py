"""Results as DICOM objects, in the study and on the voxels of the series that was answered for."""

from .codes import class_code, highdicom
from .heat import heat_captures, heat_parametric_map
from .producer import RESEARCH_USE, Producer
from .report import classification_report
from .segmentation import LOBES, lobe_segmentation
from .source import SourceSeries, read_source
from .writer import DicomObjects

__all__ = [
    "LOBES",
    "RESEARCH_USE",
    "DicomObjects",
    "Producer",
    "SourceSeries",
    "class_code",
    "classification_report",
    "heat_captures",
    "heat_parametric_map",
    "highdicom",
    "lobe_segmentation",
    "read_source",
]
