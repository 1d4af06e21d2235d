"""One report of a run: the same numbers for people (HTML) and for programs (JSON)."""

from .metrics_file import write_metrics
from .writing import write_report

__all__ = ["write_metrics", "write_report"]
