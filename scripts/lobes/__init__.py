"""PARL's first stage: the five lobes of the lungs, found, checked, and the box around them."""

from .augmentation import lobe_augmentation
from .labels import LABEL_TABLES, LOBES, convert_labels, lobe_classes
from .lobe_map import LobeMap, read_lobes
from .measure import LobeScores
from .network import LobeUNet
from .region import LobeRegion, pack_lobes, unpack_lobes
from .segmenter import LobeSegmenter, labels_on_scan, lobe_segmenter
from .to_grid import LobesToGridd, check_lobe_masks
from .writer import LobeWriter

__all__ = [
    "LABEL_TABLES",
    "LOBES",
    "LobeMap",
    "LobeRegion",
    "LobeScores",
    "LobeSegmenter",
    "LobeUNet",
    "LobeWriter",
    "LobesToGridd",
    "check_lobe_masks",
    "convert_labels",
    "labels_on_scan",
    "lobe_augmentation",
    "lobe_classes",
    "lobe_segmenter",
    "pack_lobes",
    "read_lobes",
    "unpack_lobes",
]
