"""How many scans each class has: in the training list, in a batch, and as a share that a network learns."""

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from scripts.errors import UserError

__all__ = ["balanced_counts", "check_training_classes", "class_shares"]

BATCH_SIZE = 10  # scans, of Wang et al.


def balanced_counts(num_classes: int) -> list[int]:
    """Return how many scans of each class meet in a batch: ten, shared evenly, the first classes one more.

    Of three classes these are the 4, 3 and 3 of Wang et al.; of more than ten classes each has one scan.

    Example:
        >>> [balanced_counts(number) for number in (2, 3, 4)]
        [[5, 5], [4, 3, 3], [3, 3, 2, 2]]
    """
    share, rest = divmod(max(BATCH_SIZE, num_classes), num_classes)
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


def class_shares(sampler: partial[Sampler], num_classes: int) -> list[float]:
    """Return the share of each class in the batches: the prior that a network learns from them.

    Args:
        sampler: one that draws training batches, with its arguments but not yet called: evaluation needs no
            batches, and a datalist without training scans could not fill any.
        num_classes: of the network.

    Example:
        >>> from scripts.training import ClassBalancedBatches
        >>> class_shares(partial(ClassBalancedBatches, data=[], counts=(4, 3, 3)), num_classes=3)
        [0.4, 0.3, 0.3]
    """
    bound = inspect.signature(sampler.func).bind(*sampler.args, **sampler.keywords)
    bound.apply_defaults()
    labels = [item["label"] for item in bound.arguments["data"]]
    # A class without scans counts as one: no share is zero, so that priors can be divided.
    counts = bound.arguments.get("counts") or [max(labels.count(label), 1) for label in range(num_classes)]
    return (np.asarray(counts, dtype=float) / np.sum(counts)).tolist()
