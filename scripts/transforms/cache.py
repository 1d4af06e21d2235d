"""A data set whose deterministic steps run once and stay on disk, never stale, never half-written."""

import functools
import logging
import os
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from monai.data import Dataset, MetaTensor
from monai.transforms import Compose, Randomizable, RandomizableTrait, Transform
from torch.utils.data import DataLoader
from tqdm import tqdm

from scripts.errors import UserError
from scripts.files import read_archive, sweep_partials, write_whole
from scripts.processes import gather, rank, world_size
from scripts.scans import DECLARED_FIELDS, RefusedScan
from scripts.seeds import SeededIndex, seed_generators

from .fingerprint import fingerprint
from .to_grid import ToGridd

__all__ = ["ScanDataset", "prepare"]

logger = logging.getLogger(__name__)
ACCEPTED = {"code": "", "message": ""}


class ScanDataset(Dataset, Randomizable):
    """Scans on their grid; the transforms before the first random one are computed once and cached.

    An entry's name is a digest of all that its content depends on (see :func:`fingerprint`), so a scan,
    a setting or a line of code that changes makes a new entry and never finds the old one. Entries appear
    by an atomic rename, so that runs may share the folder; one that cannot be read is made again.

    A field that only some items have (their fold, say, or a severity) serves the transforms and is then left
    out, since items with different fields make no batch; ``data`` keeps it.

    Args:
        data: items; each is a dict that holds the path of its scan.
        transform: e.g. :func:`preprocessing`, followed by augmentation.
        cache_dir: folder of the entries; None computes each item each time.
        keep_refused: return a refused scan as a grid of zeros and not raise; every item then has
            ``refusal``, ``{"code": ..., "message": ...}``, with empty strings where the scan was accepted,
            and ``position``, its index among the items.

    Where an index brings a seed along (:class:`~scripts.seeds.SeededIndex`), the random transforms draw from
    it alone, in whatever process they run.

    Fields that only some of the items have, and those that only say how to read a scan, are left out of what
    it returns: they do not collate.
    """

    def __init__(
        self,
        data: Sequence[dict[str, Any]],
        transform: Compose,
        cache_dir: str | Path | None = None,
        keep_refused: bool = False,
    ) -> None:
        super().__init__(data, transform)
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        self.keep_refused = keep_refused
        first_random = self.transform.get_index_of_first(
            lambda t: isinstance(t, RandomizableTrait) or not isinstance(t, Transform)
        )
        fields: list[set[Any]] = [set(item) for item in data]
        some, every = set().union(*fields), set.intersection(*fields) if fields else set()
        self.uneven = (some - every) | set(DECLARED_FIELDS)
        self.fixed = len(self.transform) if first_random is None else first_random
        self.hashes: dict[int, str] = {}  # content hash by index, as far as it is known

    def set_random_state(self, seed: int | None = None, state: Any = None) -> "ScanDataset":
        """Seed the random transforms."""
        self.transform.set_random_state(seed=seed, state=state)
        return self

    def _transform(self, index: int) -> Any:
        item = dict(self.data[index])
        try:
            item = self.fixed_part(index)
            refusal = ACCEPTED
        except RefusedScan as error:
            if not self.keep_refused:
                raise
            refusal = {"code": error.code, "message": error.reason}
            item = self._blank(item)
        if self.keep_refused:
            item["refusal"], item["position"] = dict(refusal), int(index)
        if isinstance(index, SeededIndex):
            seed_generators(index.seed)  # for what draws from them
            self.set_random_state(index.seed)
        result = self.transform(item, start=self.fixed)
        return {key: value for key, value in result.items() if key not in self.uneven}

    def fixed_part(self, index: int) -> dict[str, Any]:
        """Return an item after the deterministic transforms, from the cache where it is there."""
        item: dict[Any, Any] = self.data[index]
        if self.cache_dir is None:
            return self._compute(item)
        transforms = self.transform.transforms[: self.fixed]
        entry = self.cache_dir / f"{fingerprint(item, transforms)}.pt"
        stored = _load(entry)
        if stored is None:
            result = self._compute(item)
            stored = {
                key: value for key, value in result.items() if key not in item or value is not item[key]
            }
            _save(stored, entry)
        return {**item, **stored}

    def content_hashes(self) -> list[str]:
        """Return the content hash of each scan (:class:`~scripts.scans.Scan`), "" of a refused one.

        After :func:`prepare` they are known; without it, each scan is read, or found in the cache, now.
        """
        for index in range(len(self)):
            if index not in self.hashes:
                self.hashes[index] = _read(self, index)[1]
        return [self.hashes[index] for index in range(len(self))]

    def _compute(self, item: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.transform(item, end=self.fixed)
        except RuntimeError as error:  # Compose wraps what its transforms raise
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, RefusedScan):
                cause = cause.__cause__
            if cause is None:
                raise
            raise cause from None

    def _blank(self, item: dict[Any, Any]) -> dict[Any, Any]:
        blanks = {}
        for transform in self.transform.transforms:
            if isinstance(transform, ToGridd):
                blanks.update(transform.blank(item))
        return {**item, **blanks}


def prepare(datasets: ScanDataset | Iterable[ScanDataset], num_workers: int = 0) -> list[RefusedScan]:
    """Fill the cache in parallel processes, and return all refusals, in the order of the items.

    Under ``torchrun`` each process takes its share of the scans, and all return the refusals of all.

    Args:
        datasets: one, or those of a run; those without a cache_dir are only checked.
        num_workers: processes; 0 works in this one.
    """
    datasets = [datasets] if isinstance(datasets, ScanDataset) else list(datasets)
    for dataset in datasets if rank() == 0 else ():
        if dataset.cache_dir is not None:
            sweep_partials(dataset.cache_dir)
    scans = _AllScans(datasets)
    own = range(rank(), len(scans), world_size())
    loader = DataLoader(scans, batch_size=None, sampler=own, num_workers=num_workers)
    progress = tqdm(loader, desc="preparing scans", unit="scan", disable=rank() > 0)
    read = list(zip(own, map(_unless_mistaken, progress), strict=True))
    found = sorted(chain(*gather(read)), key=itemgetter(0))
    for index, (_, content_hash) in found:
        dataset, position = scans.data[index]
        dataset.hashes[position] = content_hash
    return [refusal for _, (refusal, _) in found if refusal is not None]


class _AllScans(Dataset):
    """Compute, or find in the cache, the deterministic part of each item of several data sets."""

    def __init__(self, datasets: Iterable[ScanDataset]) -> None:
        super().__init__([(dataset, index) for dataset in datasets for index in range(len(dataset))])

    def _transform(self, index: int) -> tuple[RefusedScan | None, str] | UserError:
        try:
            return _read(*self.data[index])
        except UserError as mistake:  # raised here, a worker would put a traceback into its message
            return mistake


def _unless_mistaken(found: Any) -> Any:
    if isinstance(found, UserError):
        raise found
    return found


def _read(dataset: ScanDataset, index: int) -> tuple[RefusedScan | None, str]:
    """Return an item's refusal, or None, and its scan's content hash."""
    try:
        item = dataset.fixed_part(index)
    except RefusedScan as refusal:
        return refusal, ""
    hashes = (image.meta.get("content_hash", "") for image in item.values() if isinstance(image, MetaTensor))
    return None, next(filter(None, hashes), "")


def _load(entry: Path) -> dict[str, Any] | None:
    """Return what an entry holds, or None where there is none, or it is damaged."""
    try:
        stored = torch.load(read_archive(entry), weights_only=True)
        return {key: _unpacked(value) for key, value in stored.items()}
    except FileNotFoundError:
        return None
    except Exception as error:  # torch.load raises many kinds for what it does not know
        logger.warning("%s is damaged (%s); it is made again", entry, type(error).__name__)
        return None


def _save(stored: dict[str, Any], entry: Path) -> None:
    """Write an entry; into a folder that is read-only nothing, so that the scan is computed each time."""
    packed = {key: _packed(value) for key, value in stored.items()}
    try:
        write_whole(entry, lambda file: torch.save(packed, file))
    except UserError:
        if os.access(entry.parent, os.W_OK):
            raise
        _say_read_only(entry.parent)


@functools.cache
def _say_read_only(folder: Path) -> None:
    logger.warning("%s cannot be written: what it lacks is computed each time", folder)


def _packed(value: Any) -> Any:
    """Take a MetaTensor apart: torch.load reads plain tensors, text and numbers with weights_only."""
    if not isinstance(value, MetaTensor):
        return value
    meta = {str(key): str(item) if isinstance(item, str) else item for key, item in value.meta.items()}
    return {"tensor": value.as_tensor().contiguous(), "meta": meta}


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"tensor", "meta"}:
        return MetaTensor(value["tensor"], meta=value["meta"])
    return value
