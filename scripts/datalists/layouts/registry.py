"""The layouts by name. A new one is a file beside this and a line below."""

from .cc_ccii import CC_CCII
from .collection import Layout
from .cov19_ct_db import COV19_CT_DB
from .covid_ct_md import COVID_CT_MD
from .dicom_tree import DICOM_TREE
from .ictcf import ICTCF
from .mosmed import MOSMED
from .stoic2021 import STOIC2021
from .table import TABLE

__all__ = ["LAYOUTS"]

LAYOUTS: dict[str, Layout] = {
    "cc_ccii": CC_CCII,
    "cov19_ct_db": COV19_CT_DB,
    "covid_ct_md": COVID_CT_MD,
    "dicom_tree": DICOM_TREE,
    "ictcf": ICTCF,
    "mosmed": MOSMED,
    "stoic2021": STOIC2021,
    "table": TABLE,
}
