"""The datalist: which scans there are, what they show, and who is trained on, selected on, reported on."""

from .building import Marks, build_datalist, write_datalist
from .classes import CLASSES, ClassLabels
from .foreseen import refusals_foreseen, refusals_listed
from .joining import join_datalists
from .layouts import LAYOUTS, Request
from .parts import cross_validation_folds, external_items, fold_items
from .reading import class_names, read_datalist
from .splitting import SplitPlan, split_items

__all__ = [
    "CLASSES",
    "LAYOUTS",
    "ClassLabels",
    "Marks",
    "Request",
    "SplitPlan",
    "build_datalist",
    "class_names",
    "cross_validation_folds",
    "external_items",
    "fold_items",
    "join_datalists",
    "read_datalist",
    "refusals_foreseen",
    "refusals_listed",
    "split_items",
    "write_datalist",
]
