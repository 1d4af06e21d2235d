"""Where the network looked, in the scan's own space, and how good that is."""

from .anatomy import HEAT_FLAGS, Anatomy, heat_flags
from .attention import AttentionMap, slice_curve
from .choosing import all_methods, default_method
from .class_activation import ClassActivation, ProbeActivation
from .explaining import HeatMap, combine, explain
from .grad_cam import DetectionGradCAM, GradCAM, TypeGradCAM
from .heat_map_file import heat_on_scan, save_heat_map
from .lobe_summary import LobeSummary, lobe_shares, lobes_of, summarise_lobes
from .localisation import localise, summarise
from .measuring import measure_localisation
from .method import HeatMapMethod
from .occlusion import Occlusion
from .overlay import STRONGEST, draw_overlay, most_attended, save_overlay
from .randomisation import map_correlation, randomised

__all__ = [
    "HEAT_FLAGS",
    "STRONGEST",
    "Anatomy",
    "AttentionMap",
    "ClassActivation",
    "DetectionGradCAM",
    "GradCAM",
    "HeatMap",
    "HeatMapMethod",
    "LobeSummary",
    "Occlusion",
    "ProbeActivation",
    "TypeGradCAM",
    "all_methods",
    "combine",
    "default_method",
    "draw_overlay",
    "explain",
    "heat_flags",
    "heat_on_scan",
    "lobe_shares",
    "lobes_of",
    "localise",
    "map_correlation",
    "measure_localisation",
    "most_attended",
    "randomised",
    "save_heat_map",
    "save_overlay",
    "slice_curve",
    "summarise",
    "summarise_lobes",
]
