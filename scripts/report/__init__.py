"""One report of a run: the same numbers for people (HTML) and for programs (JSON)."""

from .writing import write_report

__all__ = ["write_report"]
