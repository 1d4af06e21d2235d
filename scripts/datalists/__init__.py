"""The datalist: which scans there are, what they show, and who is trained on, selected on, reported on."""

from .reading import fold_items, read_datalist
from .splitting import split_by_patient

__all__ = ["fold_items", "read_datalist", "split_by_patient"]
