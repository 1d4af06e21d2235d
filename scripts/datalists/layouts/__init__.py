"""Published data set layouts: a tree -> items, what labels mean, what was left out.

A new layout is a file beside this one and a line below.
"""

from .cc_ccii import CC_CCII
from .collection import Collection, Layout, Request, first_names
from .cov19_ct_db import COV19_CT_DB
from .covid_ct_md import COVID_CT_MD
from .covid_ctset import COVID_CTSET
from .ct_rate import CT_RATE
from .dicom_tree import DICOM_TREE
from .ictcf import ICTCF
from .luna16 import LUNA16
from .mosmed import MOSMED
from .osic import OSIC
from .stoic2021 import STOIC2021
from .table import TABLE
from .tcia import LIDC, NLST, RICORD

__all__ = ["LAYOUTS", "Collection", "Layout", "Request", "first_names"]

LAYOUTS: dict[str, Layout] = {
    "cc_ccii": CC_CCII,
    "cov19_ct_db": COV19_CT_DB,
    "covid_ct_md": COVID_CT_MD,
    "covid_ctset": COVID_CTSET,
    "ct_rate": CT_RATE,
    "dicom_tree": DICOM_TREE,
    "ictcf": ICTCF,
    "lidc": LIDC,
    "luna16": LUNA16,
    "mosmed": MOSMED,
    "nlst": NLST,
    "osic": OSIC,
    "ricord": RICORD,
    "stoic2021": STOIC2021,
    "table": TABLE,
}
