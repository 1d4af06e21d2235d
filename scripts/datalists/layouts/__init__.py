"""Published data set layouts: a tree -> items, what labels mean, what was left out."""

from .collection import Collection, Layout, Request, first_names
from .registry import LAYOUTS

__all__ = ["LAYOUTS", "Collection", "Layout", "Request", "first_names"]
