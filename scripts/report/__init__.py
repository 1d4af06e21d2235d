"""One report of a run: the same numbers for people (HTML) and for programs (JSON)."""

from .figures import confusion_figure, loss_figure
from .writing import write_metrics, write_report

__all__ = ["confusion_figure", "loss_figure", "write_metrics", "write_report"]
