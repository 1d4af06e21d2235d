"""All scans of a run read once, before the first iteration."""

from collections.abc import Sequence
from pathlib import Path

from scripts.datalists import refusals_foreseen, refusals_listed
from scripts.errors import UserError
from scripts.transforms import ScanDataset, prepare

__all__ = ["prepare_scans"]


def prepare_scans(
    datasets: Sequence[ScanDataset],
    num_workers: int = 0,
    datalist: str | Path = "DATA/datalist.json",
    window: tuple[float, float] | None = None,
) -> None:
    """Fill the cache of preprocessed scans, in parallel, and stop where a scan is refused.

    A training set that quietly shrinks is another training set: every refused scan is named at once, and
    the rest stays in the cache for the next attempt. What needs no voxel is refused before one is read.

    Args:
        datasets: those of the run.
        num_workers: processes that read scans.
        datalist: that the scans are of, for the message.
        window: (level, width) in HU that the network looks at.

    Raises:
        UserError: a scan was refused; the message has a line for each reason, and the command that takes
            the refused scans out.
    """
    refused = refusals_foreseen([item for dataset in datasets for item in dataset.data], window)
    refused = refused or prepare(datasets, num_workers)
    if refused:
        raise UserError(
            f"{len(refused)} of {sum(map(len, datasets))} scans cannot be used; mend them, or take them out, "
            f"with a record, by `python -m scripts.datalists clean {datalist}`:\n{refusals_listed(refused)}"
        )
