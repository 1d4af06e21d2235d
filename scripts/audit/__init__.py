"""What is wrong with a datalist and its scans, before a network is trained on it."""

from .auditing import HARD_ERRORS, audit_datalist, enforce_audit
from .findings import Audit, Finding, one_line, write_report
from .lists import check_lists

__all__ = [
    "HARD_ERRORS",
    "Audit",
    "Finding",
    "audit_datalist",
    "check_lists",
    "enforce_audit",
    "one_line",
    "write_report",
]
