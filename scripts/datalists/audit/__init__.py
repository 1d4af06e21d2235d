"""What is wrong with a datalist and its scans, before a network learns it."""

from .auditing import Audit, audit_datalist
from .checking import check_lists
from .finding import Finding
from .heeding import HARD_ERRORS, heed_audit
from .report import one_line, write_report

__all__ = [
    "HARD_ERRORS",
    "Audit",
    "Finding",
    "audit_datalist",
    "check_lists",
    "heed_audit",
    "one_line",
    "write_report",
]
