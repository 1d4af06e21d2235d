"""Features of an encoder that saw real chests, and what is learnt from few scans by them."""

from .adaptation import (
    ADAPTATIONS,
    adapted_probe,
    check_adaptation,
    coral,
    domain_directions,
    probe_without_directions,
    recalibrate,
    recentre,
    without_directions,
)
from .distance import (
    DISTANCES,
    TrainingDistance,
    cross_fitted_record,
    distance_record,
    fit_distance,
    mahalanobis,
    nearest_neighbour,
)
from .embedding import Features, embed, items_to_encode, joined
from .probe import STRENGTHS, LinearProbe, ProbeFit, cross_validate_probe, fit_probe, scan_weights

__all__ = [
    "ADAPTATIONS",
    "DISTANCES",
    "STRENGTHS",
    "Features",
    "LinearProbe",
    "ProbeFit",
    "TrainingDistance",
    "adapted_probe",
    "check_adaptation",
    "coral",
    "cross_fitted_record",
    "cross_validate_probe",
    "distance_record",
    "domain_directions",
    "embed",
    "fit_distance",
    "fit_probe",
    "items_to_encode",
    "joined",
    "mahalanobis",
    "nearest_neighbour",
    "probe_without_directions",
    "recalibrate",
    "recentre",
    "scan_weights",
    "without_directions",
]
