"""Runs made of runs: cross-validation, ensembles of its folds, external tests, ablations; and a probe's."""

from .ablation import ablate, named_experiments
from .baseline_predictions import predict_baselines
from .cross_validation import cross_validate
from .experiment import Experiment
from .external import external_test
from .probe_training import ProbeTraining

__all__ = [
    "Experiment",
    "ProbeTraining",
    "ablate",
    "cross_validate",
    "external_test",
    "named_experiments",
    "predict_baselines",
]
