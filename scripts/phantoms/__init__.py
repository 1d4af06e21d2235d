"""Synthetic chest CT with known lobes and lesions: the embedded default data set."""

from .data_set import write_data_set
from .phantom import Phantom, draw_phantom
from .population import POPULATIONS, Population

__all__ = ["POPULATIONS", "Phantom", "Population", "draw_phantom", "write_data_set"]
