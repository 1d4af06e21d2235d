"""What a checkpoint is: the model file beside the weights, and networks built from it."""

from .describing import RunModelFile, declared_targets, describe, part_of, read_configs, use_model_file
from .ensemble_file import EnsembleFile
from .model_file import (
    AdaptedTo,
    CalibrationRecord,
    DistanceRecord,
    ModelFile,
    Part,
    TaughtBy,
    model_file_path,
)
from .parts import build_inferer, build_network, build_region

__all__ = [
    "AdaptedTo",
    "CalibrationRecord",
    "DistanceRecord",
    "EnsembleFile",
    "ModelFile",
    "Part",
    "RunModelFile",
    "TaughtBy",
    "build_inferer",
    "build_network",
    "build_region",
    "declared_targets",
    "describe",
    "model_file_path",
    "part_of",
    "read_configs",
    "use_model_file",
]
