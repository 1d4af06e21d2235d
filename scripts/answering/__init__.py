"""Answers: one object makes them, of a checkpoint and a scan, and sinks write them."""

from .answer import Answer, Explanation, Geometry
from .calibration_step import calibrate_once, fit_training_distance_once
from .models import Model, load_model
from .predictor import Predictor
from .running import (
    Calibrated,
    check_unseen,
    classes_of_run,
    fail_if_refused,
    inferer_of_run,
    journal_of_run,
    label_mapping_of_run,
    network_of_run,
    predictor_of_run,
    preprocessing_of_run,
    require_checkpoint,
)
from .sinks import AnswerWriter, GridFiles, HeatMapFiles, HeatMapPictures, PredictionFiles, Sink

__all__ = [
    "Answer",
    "AnswerWriter",
    "Calibrated",
    "Explanation",
    "Geometry",
    "GridFiles",
    "HeatMapFiles",
    "HeatMapPictures",
    "Model",
    "PredictionFiles",
    "Predictor",
    "Sink",
    "calibrate_once",
    "check_unseen",
    "classes_of_run",
    "fail_if_refused",
    "fit_training_distance_once",
    "inferer_of_run",
    "journal_of_run",
    "label_mapping_of_run",
    "load_model",
    "network_of_run",
    "predictor_of_run",
    "preprocessing_of_run",
    "require_checkpoint",
]
