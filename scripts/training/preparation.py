"""All scans of a run read once, before the first iteration."""

from collections.abc import Sequence

from scripts.errors import UserError
from scripts.transforms import ScanDataset, prepare

__all__ = ["prepare_scans"]


def prepare_scans(datasets: Sequence[ScanDataset], num_workers: int = 0) -> None:
    """Fill the cache of preprocessed scans, in parallel, and stop where a scan is refused.

    A training set that quietly shrinks is another training set: every refused scan is named at once, and
    the rest stays in the cache for the next attempt.

    Args:
        datasets: those of the run.
        num_workers: processes that read scans.

    Raises:
        UserError: a scan was refused; the message has a line for each.
    """
    refused = prepare(datasets, num_workers)
    if refused:
        count = sum(map(len, datasets))
        lines = "\n".join(f"  [{refusal.code}] {refusal}" for refusal in refused)
        raise UserError(
            f"{len(refused)} of {count} scans cannot be used; mend them or take them out of the datalist:\n"
            f"{lines}"
        )
