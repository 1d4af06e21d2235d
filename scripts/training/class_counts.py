"""How many scans each class has: in the training list, in a batch, and as a share that a network learns."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.errors import UserError

__all__ = ["balanced_counts", "check_training_classes"]

BATCH_SIZE = 10  # scans, of Wang et al.


def balanced_counts(num_classes: int, batch_size: int = BATCH_SIZE) -> list[int]:
    """Return how many scans of each class meet in a batch: shared evenly, the first classes one more.

    Of three classes and ten scans these are the 4, 3 and 3 of Wang et al.; of more classes than scans each
    has one.

    Example:
        >>> [balanced_counts(number) for number in (2, 3, 4)]
        [[5, 5], [4, 3, 3], [3, 3, 2, 2]]
    """
    share, rest = divmod(max(batch_size, num_classes), num_classes)
    return [share + (label < rest) for label in range(num_classes)]


def check_training_classes(data: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> None:
    """Refuse to train on scans that lack a class; no scan is read for it.

    Args:
        data: datalist items, each with ``label``, that are trained on.
        classes: names, by label.

    Raises:
        UserError: naming the classes without a scan.
    """
    present = {item["label"] for item in data}
    absent = [repr(name) for label, name in enumerate(classes) if label not in present]
    if absent:
        rest = [name for label, name in enumerate(classes) if label in present]
        advice = f' or train on the others: --classes "{rest}"' if len(rest) > 1 else ""
        raise UserError(
            f"the training list has no scan of class {' and '.join(absent)} among {len(data)}; "
            f"add scans of it{advice}"
        )
